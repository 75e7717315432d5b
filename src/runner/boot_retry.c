/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "runner/boot_retry.h"

/*
 * OVMF where Secure Boot lets it start no shell, and elsewhere; SeaBIOS. The first character of
 * each is nowhere else in it, so that a mismatch begins anew.
 */
static const char *const signs[BOOT_RETRY_SIGNS] = {
	"No bootable option or device was found.",
	"EFI Internal Shell\" from Fv(",
	"No bootable device.",
};

static bool completes(const char *sign, size_t *matched, char c)
{
	*matched = c == sign[*matched] ? *matched + 1 : c == *sign;
	if (sign[*matched])
		return false;
	*matched = 0;
	return true;
}

void boot_retry_hear(struct boot_retry *b, uint64_t now, const char *data, size_t len)
{
	for (size_t i = 0; b->on && i < len; i++)
		for (size_t k = 0; k < BOOT_RETRY_SIGNS; k++)
			if (completes(signs[k], &b->matched[k], data[i]) && !b->at)
				b->at = now + b->wait;
}
