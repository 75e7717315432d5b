/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "runner/identity.h"

/*
 * 64-bit FNV-1a over a text and its NUL, so that ("ab", "c") and ("a", "bc")
 * differ. What it yields is on disk and in guests: it must never change.
 */
#define FNV_START UINT64_C(0xcbf29ce484222325)
#define FNV_PRIME UINT64_C(0x100000001b3)

static uint64_t hash_more(uint64_t h, const char *text)
{
	do
		h = (h ^ (unsigned char)*text) * FNV_PRIME;
	while (*text++);
	return h;
}

/* FNV's low bits mix badly for short texts: fold the high ones in (a finaliser as in splitmix64).
 */
static uint64_t hash_end(uint64_t h)
{
	h = (h ^ (h >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
	h = (h ^ (h >> 27)) * UINT64_C(0x94d049bb133111eb);
	return h ^ (h >> 31);
}

static uint64_t hash_index(uint64_t h, size_t i)
{
	char digits[24];

	snprintf(digits, sizeof(digits), "%zu", i);
	return hash_more(h, digits);
}

uid_t guest_uid(const char *guest)
{
	uint64_t h = hash_end(hash_more(hash_more(FNV_START, "uid"), guest));

	return (uid_t)(GUEST_UID_MIN + h % (GUEST_UID_MAX - GUEST_UID_MIN + 1));
}

void guest_tap_name(const char *guest, size_t i, char out[static IFNAMSIZ])
{
	enum { HASH = 6 };
	char tail[32], text[64];
	size_t room;
	uint64_t h;

	snprintf(tail, sizeof(tail), "-tap%u", (unsigned)(i % 100));
	room = IFNAMSIZ - 1 - strlen(tail);
	if (strlen(guest) <= room) {
		snprintf(text, sizeof(text), "%.15s%s", guest, tail);
	} else {
		h = hash_end(hash_more(hash_more(FNV_START, "tap"), guest));
		snprintf(text, sizeof(text), "%.*s-%06x%s", (int)room - HASH - 1, guest,
			(unsigned)(h & 0xffffff), tail);
	}
	memcpy(out, text, IFNAMSIZ);
	out[IFNAMSIZ - 1] = '\0';
}

struct mac guest_mac(const char *host_id, const char *guest, size_t i)
{
	uint64_t h = hash_more(hash_more(hash_more(FNV_START, "mac"), host_id), guest);
	struct mac m = { { 0x52, 0x54, 0x00 } };

	h = hash_end(hash_index(h, i));
	m.b[3] = (uint8_t)(h >> 16);
	m.b[4] = (uint8_t)(h >> 8);
	m.b[5] = (uint8_t)h;
	return m;
}

void guest_uuid(const char *host_id, const char *guest, char out[static UUID_TEXT])
{
	uint64_t a = hash_more(hash_more(hash_more(FNV_START, "uuid"), host_id), guest);
	uint64_t b = hash_end(hash_index(a, 1));

	a = hash_end(a);
	snprintf(out, UUID_TEXT, "%08x-%04x-8%03x-%04x-%012llx", (unsigned)(a >> 32),
		(unsigned)(a >> 16) & 0xffff, (unsigned)a & 0xfff,
		0x8000 | ((unsigned)(b >> 48) & 0x3fff),
		(unsigned long long)(b & UINT64_C(0xffffffffffff)));
}
