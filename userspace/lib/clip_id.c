// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Clip ids and times as text. An id becomes a folder's name on the board, at the store and at the
 * owner's, so reading one accepts exactly what writing one makes: every text is compared with what
 * its value would be written as.
 */
#include "clip_id.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#define SECOND_US INT64_C(1000000)
#define LAST_US	  (INT64_C(253402300800) * SECOND_US - 1) /* 9999-12-31T23:59:59.999999Z */
#define LAST_SEQ  UINT64_C(9999999999)

/* Split into calendar and microseconds; what four digits of year cannot hold is its nearest end. */
static void split(int64_t us, struct tm *tm, int *fraction)
{
	time_t s;

	us = us < 0 ? 0 : us > LAST_US ? LAST_US : us;
	s = us / SECOND_US;
	*fraction = (int)(us % SECOND_US);
	gmtime_r(&s, tm);
}

/* The @n digits at *@p as a number, *@p moved past them; -1 if they are not digits. */
static int64_t digits(const char **p, int n)
{
	int64_t v = 0;

	for (; n; n--, (*p)++) {
		if (**p < '0' || **p > '9')
			return -1;
		v = v * 10 + (**p - '0');
	}
	return v;
}

static const char field_letter[] = "YMDhmsf";
static const int field_digits[] = { 4, 2, 2, 2, 2, 2, 6 };

/*
 * Read @text by @form, whose letters of field_letter stand for that many digits and all else for
 * itself. Returns where it ended, or NULL. Days that a month does not have come out as another
 * day: callers compare with the written form.
 */
static const char *scan(const char *text, const char *form, int64_t *us)
{
	int64_t v[sizeof(field_letter)] = { 0 };
	struct tm tm = { 0 };
	const char *letter;
	size_t i;

	for (; *form; form++) {
		letter = strchr(field_letter, *form);
		if (!letter) {
			if (*text++ != *form)
				return NULL;
			continue;
		}
		i = (size_t)(letter - field_letter);
		v[i] = digits(&text, field_digits[i]);
		if (v[i] < 0)
			return NULL;
	}
	tm.tm_year = (int)v[0] - 1900;
	tm.tm_mon = (int)v[1] - 1;
	tm.tm_mday = (int)v[2];
	tm.tm_hour = (int)v[3];
	tm.tm_min = (int)v[4];
	tm.tm_sec = (int)v[5];
	*us = timegm(&tm) * SECOND_US + v[6];
	return text;
}

void clip_id_make(struct clip_id *id, int64_t start_us, uint64_t seq)
{
	char text[128]; /* as large as the fields could be, for the compiler's sake */
	struct tm tm;
	int us;

	split(start_us, &tm, &us);
	snprintf(text, sizeof(text), "%04d%02d%02dT%02d%02d%02d.%06dZ-%010llu", tm.tm_year + 1900,
		 tm.tm_mon + 1, tm.tm_mday, tm.tm_hour, tm.tm_min, tm.tm_sec, us,
		 (unsigned long long)(seq > LAST_SEQ ? LAST_SEQ : seq));
	memcpy(id->text, text, CLIP_ID_LEN);
	id->text[CLIP_ID_LEN] = '\0';
}

int clip_id_parse(const char *text, int64_t *start_us, uint64_t *seq)
{
	const char *p = scan(text, "YMDThms.fZ-", start_us);
	struct clip_id again;
	int64_t n;

	if (!p)
		return -EINVAL;
	n = digits(&p, 10);
	if (n < 1)
		return -EINVAL;
	clip_id_make(&again, *start_us, (uint64_t)n);
	if (strcmp(again.text, text))
		return -EINVAL;
	*seq = (uint64_t)n;
	return 0;
}

void clip_time_format(char out[CLIP_TIME_LEN + 1], int64_t us)
{
	char text[128];
	struct tm tm;
	int fraction;

	split(us, &tm, &fraction);
	snprintf(text, sizeof(text), "%04d-%02d-%02dT%02d:%02d:%02d.%06dZ", tm.tm_year + 1900,
		 tm.tm_mon + 1, tm.tm_mday, tm.tm_hour, tm.tm_min, tm.tm_sec, fraction);
	memcpy(out, text, CLIP_TIME_LEN);
	out[CLIP_TIME_LEN] = '\0';
}

int clip_time_parse(const char *text, int64_t *us)
{
	const char *p = scan(text, "Y-M-DTh:m:s.fZ", us);
	char again[CLIP_TIME_LEN + 1];

	if (!p || *p)
		return -EINVAL;
	clip_time_format(again, *us);
	return strcmp(again, text) ? -EINVAL : 0;
}
