// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * What was done in a run: for each operation and state the number of calls and of successes, and
 * whether that is enough for a run to say anything.
 */
#include <stdio.h>
#include <string.h>

#include "fuzz.h"

const char *state_name(unsigned int state)
{
	static const char *const names[STATES] = {
		[UNBOUND] = "unbound",	   [EMPTY] = "bound",	      [ALLOCATED] = "allocated",
		[QUEUED] = "queued",	   [STREAMING] = "streaming", [ENDED] = "ended",
		[FILEIO] = "read/write",   [SECOND] = "second",	      [FOREIGN] = "foreign",
		[UNPLUGGED] = "unplugged",
	};

	return state < STATES ? names[state] : "?";
}

static unsigned int lanes_number(void)
{
	return run.workers * run.threads + run.workers;
}

static struct count sum(enum role role, enum operation operation, enum state state)
{
	struct count total = { 0 };

	for (unsigned int i = 0; i < lanes_number(); i++) {
		const struct count *count = &run.shared->lanes[i].table[role][operation][state];

		total.calls += count->calls;
		total.successes += count->successes;
	}
	return total;
}

static void add(struct count *to, struct count count)
{
	to->calls += count.calls;
	to->successes += count.successes;
}

static unsigned int print_role(enum role role, struct count *total)
{
	unsigned int missing = 0;

	printf("\n%s: calls/successes in each state of the handle\n%-20s",
	       role == FEED ? "feed" : "view", "");
	for (unsigned int state = 0; state < STATES; state++)
		printf(" %15s", state_name(state));
	putchar('\n');
	for (unsigned int operation = 0; operation < OPERATIONS_NUMBER; operation++) {
		printf("%-20s", operation_name(operation));
		for (unsigned int state = 0; state < STATES; state++) {
			struct count count = sum(role, operation, state);
			char cell[48] = "";

			if (count.calls)
				snprintf(cell, sizeof(cell), "%llu/%llu",
					 (unsigned long long)count.calls,
					 (unsigned long long)count.successes);
			else if (operation_expected(role, operation, state))
				snprintf(cell, sizeof(cell), "NONE"), missing++;
			printf(" %15s", cell[0] ? cell : "-");
			add(total, count);
		}
		putchar('\n');
	}
	return missing;
}

static void print_events(struct count *total)
{
	printf("\nwithout a handle, or to a whole process\n");
	for (unsigned int event = 0; event < EVENTS; event++) {
		struct count count = { 0 };

		for (unsigned int i = 0; i < lanes_number(); i++)
			add(&count, run.shared->lanes[i].events[event]);
		printf("%-20s %15llu/%llu\n", operation_name(OPERATIONS_NUMBER + event),
		       (unsigned long long)count.calls, (unsigned long long)count.successes);
		add(total, count);
	}
}

bool table_print(bool coverage)
{
	struct count total = { 0 };
	unsigned int missing = print_role(FEED, &total);
	uint64_t digest = 0;

	missing += print_role(VIEW, &total);
	print_events(&total);
	for (unsigned int i = 0; i < lanes_number(); i++)
		digest = random_seed(digest, run.shared->lanes[i].digest);
	printf("\n%llu operations, %llu succeeded (%llu %%), %u places that nothing came to; digest "
	       "%016llx\n",
	       (unsigned long long)total.calls, (unsigned long long)total.successes,
	       (unsigned long long)(total.calls ? 100 * total.successes / total.calls : 0), missing,
	       (unsigned long long)digest);
	if (2 * total.successes < total.calls) {
		printf("less than half succeeded: that is noise, not use\n");
		return false;
	}
	return !coverage || !missing;
}

void table_trail(const struct lane *lane)
{
	const struct step *step;

	for (unsigned int i = 0; i < TRAIL; i++) {
		step = &lane->trail[(lane->calls + i) % TRAIL];
		fprintf(stderr, "\t%s, slot %d, node %u, %s: %s\n", operation_name(step->operation),
			step->slot, step->node, state_name(step->state),
			step->error ? strerror(step->error) : "ok");
	}
}
