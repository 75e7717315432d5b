/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "fixture.h"
#include "runner/boot_retry.h"

/* When it would reset, of what the console says in pieces of n bytes from time 100 on. */
static uint64_t heard(const char *said, size_t n)
{
	struct boot_retry b = { .on = true, .wait = 7 };
	uint64_t now = 100;

	for (size_t at = 0; at < strlen(said); at += n)
		boot_retry_hear(&b, now++, said + at, MIN_OF(n, strlen(said) - at));
	return b.at;
}

static void test_signs(void **state _unused_)
{
	static const char nothing[] = "BdsDxe: No No bootable option or device was found.\r\n";
	static const char shell[] =
		"BdsDxe: loading Boot0002 \"EFI EFI Internal Shell\" from "
		"Fv(7CB8BDC9)/FvFile(1)\r\n"
		"BdsDxe: starting Boot0002 \"EFI Internal Shell\" from Fv(7CB8BDC9)/FvFile(1)\r\n";

	assert_int_equal(heard(nothing, sizeof(nothing)), 107);
	assert_true(heard(nothing, 1) > 107);
	/* The first counts. */
	assert_int_equal(heard(shell, sizeof(shell)), 107);
	assert_int_equal(heard(shell, 40), 108);
	assert_int_equal(heard("Boot failed\nNo bootable device.\n", 40), 107);
	for (size_t n = 1; n < 60; n++)
		assert_true(heard(nothing, n) && heard(shell, n));
	assert_int_equal(
		heard("BdsDxe: starting Boot0001 \"UEFI Misc Device\" from Pci(0x8)\r\n", 9), 0);
	assert_int_equal(heard("No bootable option", 3), 0);
}

static void test_off(void **state _unused_)
{
	static const char said[] = "No bootable option or device was found.";
	struct boot_retry b = { .wait = 7 };

	boot_retry_hear(&b, 100, said, strlen(said));
	assert_int_equal(b.at, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_signs),
		cmocka_unit_test(test_off),
	};

	return cmocka_run_group_tests_name("boot_retry", tests, NULL, NULL);
}
