// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The block means with SSE2, AVX2 and AVX-512 (BW). Each path leaves the blocks that do not fill a step
 * of its own to the next narrower one. The one thing to know: PSADBW against zero sums the eight
 * bytes of each 64-bit lane, so a lane is one line of a block, or half of one in packed 4:2:2.
 */
#ifdef __x86_64__

#include "motion_means.h"

#include <immintrin.h>

#define TARGET(features) __attribute__((target(features)))
#define EACH_LINE	 _Pragma("GCC unroll 8") for (size_t y = 0; y < MOTION_BLOCK; y++)

/* --- SSE2 ------------------------------------------------------------------------------------- */

static bool sse2_offered(void)
{
	return true; /* x86-64 has it */
}

/* Sums of the luma in each 64-bit lane over eight lines of 16 bytes. */
static inline __m128i sse2_plane_sums(const uint8_t *from, size_t stride)
{
	__m128i sums = _mm_setzero_si128();

	EACH_LINE
	{
		__m128i line = _mm_loadu_si128((const __m128i *)(from + y * stride));

		sums = _mm_add_epi64(sums, _mm_sad_epu8(line, _mm_setzero_si128()));
	}
	return sums;
}

static inline __m128i sse2_packed_sums(const uint8_t *from, size_t stride, __m128i luma_shift)
{
	__m128i sums = _mm_setzero_si128();

	EACH_LINE
	{
		__m128i line = _mm_loadu_si128((const __m128i *)(from + y * stride));

		line = _mm_and_si128(_mm_srl_epi16(line, luma_shift), _mm_set1_epi16(0xff));
		sums = _mm_add_epi64(sums, _mm_sad_epu8(line, _mm_setzero_si128()));
	}
	return sums;
}

/* Four means from the 64-bit lanes of two vectors. */
static inline void sse2_store(uint16_t *means, __m128i a, __m128i b)
{
	__m128i words = _mm_packs_epi32(a, b);

	_mm_storel_epi64((__m128i *)means, _mm_packs_epi32(words, words));
}

static void sse2_plane(uint16_t *means, const uint8_t *lines, size_t stride, uint32_t columns)
{
	for (; columns >= 4; columns -= 4, means += 4, lines += 32)
		sse2_store(means, sse2_plane_sums(lines, stride),
			   sse2_plane_sums(lines + 16, stride));
	motion_means_scalar.plane(means, lines, stride, columns);
}

/* Two blocks: the sums of their halves, added. */
static inline __m128i sse2_packed_pair(const uint8_t *from, size_t stride, __m128i luma_shift)
{
	__m128i a = sse2_packed_sums(from, stride, luma_shift);
	__m128i b = sse2_packed_sums(from + 16, stride, luma_shift);

	return _mm_add_epi64(_mm_unpacklo_epi64(a, b), _mm_unpackhi_epi64(a, b));
}

static void sse2_packed(uint16_t *means, const uint8_t *lines, size_t stride, uint32_t columns,
			uint32_t luma_offset)
{
	const __m128i luma_shift = _mm_cvtsi32_si128(luma_offset * 8);

	for (; columns >= 4; columns -= 4, means += 4, lines += 64)
		sse2_store(means, sse2_packed_pair(lines, stride, luma_shift),
			   sse2_packed_pair(lines + 32, stride, luma_shift));
	motion_means_scalar.packed(means, lines, stride, columns, luma_offset);
}

const struct motion_means_path motion_means_sse2 = {
	.name = "sse2",
	.offered = sse2_offered,
	.plane = sse2_plane,
	.packed = sse2_packed,
};

/* --- AVX2 ------------------------------------------------------------------------------------- */

static bool avx2_offered(void)
{
	return __builtin_cpu_supports("avx2");
}

TARGET("avx2")
static inline __m256i avx2_plane_sums(const uint8_t *from, size_t stride)
{
	__m256i sums = _mm256_setzero_si256();

	EACH_LINE
	{
		__m256i line = _mm256_loadu_si256((const __m256i *)(from + y * stride));

		sums = _mm256_add_epi64(sums, _mm256_sad_epu8(line, _mm256_setzero_si256()));
	}
	return sums;
}

TARGET("avx2")
static inline __m256i avx2_packed_sums(const uint8_t *from, size_t stride, __m128i luma_shift)
{
	__m256i sums = _mm256_setzero_si256();

	EACH_LINE
	{
		__m256i line = _mm256_loadu_si256((const __m256i *)(from + y * stride));

		line = _mm256_and_si256(_mm256_srl_epi16(line, luma_shift),
					_mm256_set1_epi16(0xff));
		sums = _mm256_add_epi64(sums, _mm256_sad_epu8(line, _mm256_setzero_si256()));
	}
	return sums;
}

/* Eight means from the 64-bit lanes of two vectors; AVX2 packs within its halves only. */
TARGET("avx2")
static inline void avx2_store(uint16_t *means, __m256i a, __m256i b)
{
	__m256i words = _mm256_packs_epi32(a, b);

	words = _mm256_packs_epi32(words, words);
	_mm_storeu_si128((__m128i *)means, _mm_unpacklo_epi32(_mm256_castsi256_si128(words),
							      _mm256_extracti128_si256(words, 1)));
}

TARGET("avx2")
static void avx2_plane(uint16_t *means, const uint8_t *lines, size_t stride, uint32_t columns)
{
	for (; columns >= 8; columns -= 8, means += 8, lines += 64)
		avx2_store(means, avx2_plane_sums(lines, stride),
			   avx2_plane_sums(lines + 32, stride));
	sse2_plane(means, lines, stride, columns);
}

/* Four blocks, in the order 0 1 2 3. */
TARGET("avx2")
static inline __m256i avx2_packed_four(const uint8_t *from, size_t stride, __m128i luma_shift)
{
	__m256i a = avx2_packed_sums(from, stride, luma_shift);
	__m256i b = avx2_packed_sums(from + 32, stride, luma_shift);
	__m256i sums = _mm256_add_epi64(_mm256_unpacklo_epi64(a, b), _mm256_unpackhi_epi64(a, b));

	return _mm256_permute4x64_epi64(sums, _MM_SHUFFLE(3, 1, 2, 0));
}

TARGET("avx2")
static void avx2_packed(uint16_t *means, const uint8_t *lines, size_t stride, uint32_t columns,
			uint32_t luma_offset)
{
	const __m128i luma_shift = _mm_cvtsi32_si128(luma_offset * 8);

	for (; columns >= 8; columns -= 8, means += 8, lines += 128)
		avx2_store(means, avx2_packed_four(lines, stride, luma_shift),
			   avx2_packed_four(lines + 64, stride, luma_shift));
	sse2_packed(means, lines, stride, columns, luma_offset);
}

const struct motion_means_path motion_means_avx2 = {
	.name = "avx2",
	.offered = avx2_offered,
	.plane = avx2_plane,
	.packed = avx2_packed,
};

/* --- AVX-512 ---------------------------------------------------------------------------------- */

static bool avx512_offered(void)
{
	return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw");
}

TARGET("avx512f,avx512bw")
static inline __m512i avx512_plane_sums(const uint8_t *from, size_t stride)
{
	__m512i sums = _mm512_setzero_si512();

	EACH_LINE
	{
		__m512i line = _mm512_loadu_si512(from + y * stride);

		sums = _mm512_add_epi64(sums, _mm512_sad_epu8(line, _mm512_setzero_si512()));
	}
	return sums;
}

TARGET("avx512f,avx512bw")
static inline __m512i avx512_packed_sums(const uint8_t *from, size_t stride, __m128i luma_shift)
{
	__m512i sums = _mm512_setzero_si512();

	EACH_LINE
	{
		__m512i line = _mm512_loadu_si512(from + y * stride);

		line = _mm512_and_si512(_mm512_srl_epi16(line, luma_shift),
					_mm512_set1_epi16(0xff));
		sums = _mm512_add_epi64(sums, _mm512_sad_epu8(line, _mm512_setzero_si512()));
	}
	return sums;
}

TARGET("avx512f,avx512bw")
static void avx512_plane(uint16_t *means, const uint8_t *lines, size_t stride, uint32_t columns)
{
	for (; columns >= 8; columns -= 8, means += 8, lines += 64)
		_mm_storeu_si128((__m128i *)means,
				 _mm512_cvtepi64_epi16(avx512_plane_sums(lines, stride)));
	sse2_plane(means, lines, stride, columns);
}

TARGET("avx512f,avx512bw")
static void avx512_packed(uint16_t *means, const uint8_t *lines, size_t stride, uint32_t columns,
			  uint32_t luma_offset)
{
	const __m512i even = _mm512_set_epi64(14, 12, 10, 8, 6, 4, 2, 0);
	const __m512i odd = _mm512_set_epi64(15, 13, 11, 9, 7, 5, 3, 1);
	const __m128i luma_shift = _mm_cvtsi32_si128(luma_offset * 8);

	for (; columns >= 8; columns -= 8, means += 8, lines += 128) {
		__m512i a = avx512_packed_sums(lines, stride, luma_shift);
		__m512i b = avx512_packed_sums(lines + 64, stride, luma_shift);
		__m512i sums = _mm512_add_epi64(_mm512_permutex2var_epi64(a, even, b),
						_mm512_permutex2var_epi64(a, odd, b));

		_mm_storeu_si128((__m128i *)means, _mm512_cvtepi64_epi16(sums));
	}
	sse2_packed(means, lines, stride, columns, luma_offset);
}

const struct motion_means_path motion_means_avx512 = {
	.name = "avx512",
	.offered = avx512_offered,
	.plane = avx512_plane,
	.packed = avx512_packed,
};

#endif
