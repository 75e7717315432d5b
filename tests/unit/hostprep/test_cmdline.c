/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Kernel parameters by GRUB through the whole engine, on a tree with a
 * grub-mkconfig that does what the real one does with the settings.
 */
#include "fixture.h"
#include "hostprep/boot_grub.h"
#include "hostprep/cmdline.h"
#include "reconcile/reboot.h"
#include <sys/stat.h>

#define OWN "/etc/default/grub.d/90-kvmhost.cfg"
#define MENU "/boot/grub/grub.cfg"
#define DEFAULTS "/etc/default/grub"
#define EFI "/sys/firmware/efi/efivars/"
#define GUID "4a67b082-0a4c-41cf-b6c7-440b29bb8c4f"

static const char mkconfig[] =
	"#!/bin/sh\n"
	"set -e\n"
	"root=${0%/usr/sbin/grub-mkconfig}\n"
	"echo run >>$root/runs\n"
	"if [ -e $root/broken ]; then echo Generating; echo 'cannot find a device for /'; exit 1; "
	"fi\n"
	"sysconfdir=$root/etc\n"
	". ${sysconfdir}/default/grub\n"
	"for x in ${sysconfdir}/default/grub.d/*.cfg ; do [ ! -e $x ] || . $x; done\n"
	"cat >$2 <<EOF\n"
	"### BEGIN /etc/grub.d/10_linux ###\n"
	"menuentry 'Debian GNU/Linux' --class debian {\n"
	"\tlinux\t/boot/vmlinuz root=UUID=1 ro ${GRUB_CMDLINE_LINUX} "
	"${GRUB_CMDLINE_LINUX_DEFAULT}\n"
	"}\n"
	"submenu 'Advanced options' {\n"
	"\tmenuentry 'Debian GNU/Linux (recovery mode)' {\n"
	"\t\tlinux\t/boot/vmlinuz root=UUID=1 ro single ${GRUB_CMDLINE_LINUX}\n"
	"\t}\n"
	"}\n"
	"### END /etc/grub.d/10_linux ###\n"
	"### BEGIN /etc/grub.d/40_custom ###\n"
	"menuentry 'mine' {\n"
	"\tlinux /mine nothing=ours\n"
	"}\n"
	"### END /etc/grub.d/40_custom ###\n"
	"EOF\n";

static void put_mkconfig(struct machine *m, const char *script)
{
	put(m, "/usr/sbin/grub-mkconfig", script);
	assert_int_equal(
		chmod(arena_printf(m->arena, "%s/usr/sbin/grub-mkconfig", m->dir), 0755), 0);
}

static void run_mkconfig(struct machine *m)
{
	const char *command = arena_printf(
		m->arena, "%s/usr/sbin/grub-mkconfig -o %s/boot/grub/grub.cfg", m->dir, m->dir);

	assert_int_equal(system(command), 0);
	file_remove(m->host.root, "/runs");
}

static struct machine *grub(void **state)
{
	struct machine *m = *state;

	put_mkconfig(m, mkconfig);
	put(m, DEFAULTS,
		"GRUB_DEFAULT=0\nGRUB_CMDLINE_LINUX_DEFAULT=\"quiet splash\"\n"
		"GRUB_CMDLINE_LINUX=\"console=tty0\"\n");
	put(m, MENU, "");
	run_mkconfig(m);
	put(m, "/proc/cmdline",
		"BOOT_IMAGE=/boot/vmlinuz root=UUID=1 ro console=tty0 quiet splash\n");
	put(m, "/proc/sys/kernel/random/boot_id", "one\n");
	m->host.live = true;
	return m;
}

static void reboot(struct machine *m, const char *line)
{
	put(m, "/proc/cmdline", line);
	put(m, "/proc/sys/kernel/random/boot_id", "two\n");
}

static unsigned runs(struct machine *m)
{
	const char *text = get(m, "/runs");

	return text ? (unsigned)strlen(text) / 4 : 0;
}

static const char *body(struct machine *m)
{
	const char *text = get(m, OWN);

	while (text && *text == '#')
		text = strchr(text, '\n') + 1;
	return text;
}

/* The first step of the plan. */
static struct step *first(struct machine *m)
{
	plan(m);
	assert_true(m->plan.n > 0);
	return m->plan.steps[0];
}

static void test_converge_wait_release(void **state)
{
	struct machine *m = grub(state);
	const char *before = get(m, MENU);

	want(m, "cmdline: [mitigations=off, transparent_hugepage=never]");
	plan(m);
	assert_int_equal(m->plan.n, 2);
	assert_int_equal(m->plan.steps[0]->disruption, DISRUPT_REBOOT);
	assert_string_equal(change(m, CMDLINE_FILE "90-kvmhost.cfg)"), "- -> mitigations=off");
	assert_string_equal(
		change(m, CMDLINE_MENU "grub.cfg)"), "in 0 of 2 entries -> in each, once");
	assert_string_equal(change(m, CMDLINE_RUNNING), "- -> mitigations=off");
	settle(m);
	assert_int_equal(runs(m), 1);
	assert_string_equal(body(m),
		"GRUB_CMDLINE_LINUX=\"$GRUB_CMDLINE_LINUX mitigations=off\"\n"
		"GRUB_CMDLINE_LINUX=\"$GRUB_CMDLINE_LINUX transparent_hugepage=never\"\n");
	assert_non_null(strstr(
		get(m, MENU), "single console=tty0 mitigations=off transparent_hugepage=never\n"));
	assert_no_file(m, "/boot/grub/grub.cfg.kvmhost");

	restart(m);
	assert_int_equal(first(m)->state, STEP_WAITING);
	assert_int_equal(m->plan.n_wait, 2);
	assert_string_equal(first(m)->wait, "a reboot: the running kernel was started without it");
	settle(m);
	assert_int_equal(runs(m), 1);
	reboot(m, "ro mitigations=off transparent_hugepage=never\n");
	assert_int_equal(plan(m)->n, 0);

	want(m, "{}");
	assert_int_equal(first(m)->verb, STEP_REMOVE);
	settle(m);
	assert_no_file(m, OWN);
	assert_file(m, MENU, before);
	/* Forgotten by the record, not by the running kernel. */
	assert_string_equal(first(m)->wait, "a reboot: the running kernel was started with it");
	assert_int_equal(m->plan.n_wait, 2);
	reboot(m, "ro\n");
	put(m, "/proc/sys/kernel/random/boot_id", "three\n");
	assert_int_equal(plan(m)->n, 0);
}

/* Derived ones and the list's are written, and taken away, together. */
static void test_one_run_for_all(void **state)
{
	struct machine *m = grub(state);

	put(m, "/sys/firmware/acpi/tables/DMAR", "x");
	put(m, "/sys/kernel/iommu_groups/0/type", "DMA\n");
	put(m, "/proc/interrupts", "  0:  2  IR-IO-APIC  2-edge  timer\n");
	want(m, "cmdline: [nosmt]\niommu: {passthrough: true}");
	settle(m);
	assert_int_equal(runs(m), 1);
	want(m, "{}");
	plan(m);
	assert_int_equal(m->plan.n, 4);
	assert_string_equal(m->plan.steps[0]->r->id, "iommu/host");
	settle(m);
	assert_int_equal(runs(m), 2);
	assert_no_file(m, OWN);
}

static void test_wanted_again_before_the_reboot(void **state)
{
	struct machine *m = grub(state);

	want(m, "cmdline: [nosmt]");
	settle(m);
	reboot(m, "ro nosmt");
	want(m, "{}");
	settle(m);
	want(m, "cmdline: [nosmt]");
	settle(m);
	assert_int_equal(plan(m)->n, 0);
	assert_non_null(strstr(get(m, MENU), " nosmt"));
}

/* What the administrator has set is as wanted, and stays when we go. */
static void test_his_own(void **state)
{
	struct machine *m = grub(state);

	want(m, "cmdline: [console=tty0, splash]");
	assert_int_equal(first(m)->verb, STEP_ADOPT);
	settle(m);
	assert_int_equal(runs(m), 0);
	assert_no_file(m, OWN);
	assert_int_equal(plan(m)->n, 0);
	want(m, "{}");
	settle(m);
	assert_int_equal(plan(m)->n, 0);
	assert_non_null(strstr(get(m, MENU), "console=tty0 quiet splash"));
}

/* He sets later what we set: ours goes, so that it stands there once. */
static void test_becomes_his_own(void **state)
{
	struct machine *m = grub(state);

	want(m, "cmdline: [nosmt]");
	settle(m);
	reboot(m, "ro nosmt");
	put(m, DEFAULTS, "GRUB_CMDLINE_LINUX='nosmt console=tty0'\n");
	assert_string_equal((plan(m), change(m, CMDLINE_FILE "90-kvmhost.cfg)")), "nosmt -> -");
	settle(m);
	assert_no_file(m, OWN);
	assert_int_equal(plan(m)->n, 0);
}

static void test_conflict(void **state)
{
	struct machine *m = grub(state);
	const char *said;

	put(m, "/etc/default/grub.d/50-cloud.cfg",
		"# cloud\nGRUB_CMDLINE_LINUX_DEFAULT=\"$GRUB_CMDLINE_LINUX_DEFAULT "
		"mitigations=auto\"\n");
	want(m, "cmdline: [mitigations=off]");
	said = apply_fails(m);
	assert_non_null(strstr(said, "/etc/default/grub.d/50-cloud.cfg:2 sets mitigations=auto"));
	assert_no_file(m, OWN);
	assert_int_equal(runs(m), 0);
	put(m, "/etc/default/grub.d/60-undo.cfg", "GRUB_CMDLINE_LINUX_DEFAULT=\"quiet\"\n");
	settle(m);
}

/* 10_linux under another number, so that its entries come before or after those of others. */
static void test_moved_in_the_menu(void **state)
{
	struct machine *m = grub(state);
	_cleanup_strbuf_ struct strbuf moved = { 0 };
	const char *p, *ten = "10_linux";

	for (p = mkconfig; *p; p++) {
		if (startswith(p, ten)) {
			sb_add(&moved, "09_linux");
			p += strlen(ten) - 1;
		} else {
			sb_addc(&moved, *p);
		}
	}
	put_mkconfig(m, sb_str(&moved));
	run_mkconfig(m);
	want(m, "cmdline: [nosmt]");
	plan(m);
	assert_string_equal(
		change(m, CMDLINE_MENU "grub.cfg)"), "in 0 of 2 entries -> in each, once");
	settle(m);
	reboot(m, "ro nosmt");
	assert_int_equal(plan(m)->n, 0);
	assert_string_equal(body(m), "GRUB_CMDLINE_LINUX=\"$GRUB_CMDLINE_LINUX nosmt\"\n");
}

static void test_stale_menu(void **state)
{
	struct machine *m = grub(state);
	const char *old = get(m, MENU);

	want(m, "cmdline: [nosmt]");
	settle(m);
	put(m, MENU, old);
	reboot(m, "ro nosmt");
	assert_int_equal(first(m)->n_changes, 1);
	assert_string_equal(
		change(m, CMDLINE_MENU "grub.cfg)"), "in 0 of 2 entries -> in each, once");
	settle(m);
	assert_int_equal(runs(m), 2);
	assert_int_equal(plan(m)->n, 0);
	put(m, MENU, "");
	settle(m);
	assert_int_equal(plan(m)->n, 0);
}

/* The old menu stays until a new one is whole and has what is wanted. */
/* Somebody else's update-grub, when the power went. */
static void test_half_a_menu(void **state)
{
	struct machine *m = grub(state);
	static const char *const ends[] = { "submenu", "menuentry 'mine'" };
	const char *whole;
	size_t i;

	want(m, "cmdline: [nosmt]");
	settle(m);
	reboot(m, "ro nosmt");
	whole = get(m, MENU);
	for (i = 0; i < ARRAY_SIZE(ends); i++) {
		int length = (int)(strstr(whole, ends[i]) - whole);

		put(m, MENU, arena_printf(m->arena, "%.*s", length, whole));
		plan(m);
		assert_int_equal(m->plan.n, 1);
		assert_string_equal(change(m, CMDLINE_MENU "grub.cfg)"),
			i ? "in 2 of 2 entries, then cut off -> in each, once"
			  : "in 1 of 1 entries, then cut off -> in each, once");
		settle(m);
		assert_file(m, MENU, whole);
		assert_int_equal(plan(m)->n, 0);
	}
}

static void test_tool_fails(void **state)
{
	struct machine *m = grub(state);
	const char *old = get(m, MENU), *said;

	put(m, "/broken", "");
	want(m, "cmdline: [nosmt]");
	said = apply_fails(m);
	assert_non_null(
		strstr(said, "grub-mkconfig failed (exit status 1): Generating cannot find a "
			     "device for /"));
	assert_file(m, MENU, old);
	file_remove(m->host.root, "/broken");
	settle(m);
	assert_non_null(strstr(get(m, MENU), " nosmt"));
}

static void test_thrown_away_by_a_later_file(void **state)
{
	struct machine *m = grub(state);
	const char *old = get(m, MENU), *said;

	put(m, "/etc/default/grub.d/99-site.cfg", "\nGRUB_CMDLINE_LINUX=console=ttyS0\n");
	want(m, "cmdline: [nosmt]");
	said = apply_fails(m);
	assert_non_null(strstr(said, "its entry `Debian GNU/Linux` has nosmt 0 times"));
	assert_non_null(strstr(said, "/etc/default/grub.d/99-site.cfg:2 sets the variable anew"));
	assert_file(m, MENU, old);
	assert_no_file(m, "/boot/grub/grub.cfg.kvmhost");
}

static void test_somebody_elses_file(void **state)
{
	struct machine *m = grub(state);

	put(m, OWN, "GRUB_CMDLINE_LINUX=\"$GRUB_CMDLINE_LINUX mine\"\n");
	want(m, "cmdline: [nosmt]");
	assert_non_null(strstr(apply_fails(m), "kvmhost did not write it"));
	assert_file(m, OWN, "GRUB_CMDLINE_LINUX=\"$GRUB_CMDLINE_LINUX mine\"\n");
}

/* Quotes and dollars reach the kernel as they are: through the shell, and through GRUB's own words.
 */
static void test_quoting(void **state)
{
	struct machine *m = grub(state);
	struct boot b = { .arena = m->arena };
	struct tokens wanted = { .arena = m->arena };

	want(m, "cmdline: ['dyndbg=\"file a.c +p; func x\"', 'memmap=64G$16G', 'x=a;b&c{d}', "
		"'y=#']");
	settle(m);
	assert_non_null(strstr(get(m, MENU), "\"dyndbg=file a.c +p; func x\" memmap=64G\\$16G"));
	grub_read_menu(&b, get(m, MENU));
	assert_int_equal(b.n, 2);
	tokens_read(&wanted, "\"dyndbg=file a.c +p; func x\" memmap=64G$16G x=a;b&c{d} y=#");
	for (size_t i = 0; i < wanted.n; i++)
		assert_int_equal(tokens_count(&b.entries[0].tokens, &wanted.v[i]), 1);
	restart(m);
	assert_int_equal(plan(m)->n_wait, 4);
}

/* What others have set, as far as it can be known without running their shell. */
static void test_shell(void **state)
{
	static const char *const cases[][2] = {
		{ "GRUB_CMDLINE_LINUX=\"a=1 b\" # c\n", "a=1 b" },
		{ "  export GRUB_CMDLINE_LINUX='a=\"x y\" b'\n", "a=\"x y\" b" },
		{ "GRUB_CMDLINE_LINUX=a\nGRUB_CMDLINE_LINUX=b\n", "b" },
		{ "GRUB_CMDLINE_LINUX=a\nGRUB_CMDLINE_LINUX+=' b'\n", "a b" },
		{ "GRUB_CMDLINE_LINUX=a\nGRUB_CMDLINE_LINUX=\"${GRUB_CMDLINE_LINUX} b\"\n", "a b" },
		{ "GRUB_CMDLINE_LINUX=a\nGRUB_CMDLINE_LINUX=\"$GRUB_CMDLINE_LINUX_X b\"\n", "b" },
		{ "GRUB_CMDLINE_LINUX=\"a $(echo (b) c) d `e f` ${g:-h} $i j\"\n", "a d j" },
		{ "GRUB_CMDLINE_LINUX=\"m=1\\\\\\$2 n=\\\"o p\\\"\"\n", "m=1$2 n=\"o p\"" },
		{ "GRUB_CMDLINE_LINUX=\"a \\\nb\"\n", "a b" },
		{ "GRUB_CMDLINE_LINUX=\"a -- b\"\n", "a" },
		{ "GRUB_CMDLINE_LINUX=\"$(a\n", "" },
		{ "GRUB_CMDLINE_LINUX=\"${a\n", "" },
		{ "GRUB_CMDLINE_LINUX=\"`a\n", "" },
		{ "GRUB_CMDLINE_LINUX=\\", "\\" },
		{ "#GRUB_CMDLINE_LINUX=a\nGRUB_CMDLINE_LINUX_RECOVERY=b\n", "" },
		{ "GRUB_CMDLINE_LINUX_DEFAULT=b\nGRUB_CMDLINE_LINUX=a\n", "a b" },
	};
	struct machine *m = grub(state);

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct boot b = { .arena = m->arena };
		const char *seen = "";

		put(m, DEFAULTS, cases[i][0]);
		assert_int_equal(boot_read(&m->host, &b, NULL), 0);
		for (size_t k = 0; k < b.others.n; k++) {
			_cleanup_free_ char *text = token_text(&b.others.v[k]);

			seen = arena_printf(m->arena, "%s%s%s", seen, k ? " " : "", text);
		}
		assert_string_equal(seen, cases[i][1]);
	}
}

static void test_offline(void **state)
{
	struct machine *m = grub(state);

	m->host.live = false;
	want(m, "cmdline: [nosmt]\niommu: {passthrough: true}");
	settle(m);
	assert_int_equal(runs(m), 0);
	assert_string_equal(body(m), "GRUB_CMDLINE_LINUX=\"$GRUB_CMDLINE_LINUX nosmt\"\n"
				     "GRUB_CMDLINE_LINUX=\"$GRUB_CMDLINE_LINUX intel_iommu=on\"\n"
				     "GRUB_CMDLINE_LINUX=\"$GRUB_CMDLINE_LINUX iommu=pt\"\n");
	plan(m);
	assert_int_equal(m->plan.n, m->plan.n_wait);
}

static const char *refused(struct machine *m)
{
	want(m, "cmdline: [nosmt]");
	return apply_fails(m);
}

static void put_efi(struct machine *m, const char *name, const char *text)
{
	char raw[256] = { 6 };
	size_t i, n = strlen(text);
	const char *path = arena_printf(m->arena, EFI "%s-" GUID, name);

	for (i = 0; i <= n; i++)
		raw[4 + 2 * i] = text[i];
	assert_int_equal(file_write_atomic(m->host.root, path, raw, 6 + 2 * n, 0644), 0);
}

static void test_other_loaders(void **state)
{
	static const char *const others[][2] = {
		{ "/boot/firmware/cmdline.txt", "the Raspberry Pi" },
	};
	struct machine *m = grub(state);

	file_remove(m->host.root, "/usr/sbin/grub-mkconfig");
	for (size_t i = 0; i < ARRAY_SIZE(others); i++) {
		put(m, others[i][0], "x");
		assert_non_null(strstr(refused(m), others[i][1]));
		assert_non_null(strstr(refused(m), others[i][0]));
		file_remove(m->host.root, others[i][0]);
	}
	put_efi(m, "LoaderInfo", "systemd-boot 252.38");
	assert_non_null(strstr(refused(m), "booted by systemd-boot 252.38"));
	put_efi(m, "LoaderInfo", "rEFInd 0.14");
	assert_non_null(strstr(refused(m), "booted by rEFInd 0.14"));
	m = grub(state);
	put_efi(m, "LoaderInfo", "GRUB 2.12");
	want(m, "cmdline: [nosmt]");
	assert_int_equal(first(m)->state, STEP_READY);
	put_efi(m, "StubInfo", "systemd-stub 252");
	assert_non_null(strstr(refused(m), "unified kernel image (systemd-stub 252)"));
	assert_int_equal(file_write_atomic(m->host.root,
				 EFI "SecureBoot-8be4df61-93ca-11d2-aa0d-00e098032b8c",
				 "\6\0\0\0\1", 5, 0644),
		0);
	assert_non_null(strstr(refused(m), "under Secure Boot"));
	assert_no_file(m, OWN);
	assert_int_equal(runs(m), 0);
}

static void test_unknown_loader(void **state)
{
	struct machine *m = *state;

	m->host.live = true;
	assert_non_null(strstr(refused(m), "cannot tell how this machine boots"));
	/* Arch's and Fedora's read no such directory. */
	put(m, "/usr/sbin/grub-mkconfig", ". /etc/default/grub\n");
	assert_non_null(strstr(refused(m), "cannot tell how this machine boots"));
	want(m, "{}");
	assert_int_equal(plan(m)->n, 0);
}

#define REQUIRED "/run/reboot-required"

/* Debian's way to say it; what others said there stays. */
static void test_reboot_is_told(void **state)
{
	struct machine *m = *state;
	struct host *h = &m->host;

	h->live = true;
	want(m, "{}");
	assert_int_equal(reboot_tell(h, true, "abc", &m->wants, NULL), 0);
	assert_no_file(m, REQUIRED);
	assert_non_null(strstr(get(m, "/run/motd.d/kvmhost"), "waits for a reboot"));

	put(m, "/etc/debian_version", "12.9\n");
	assert_int_equal(reboot_tell(h, true, "abc", &m->wants, NULL), 0);
	assert_int_equal(reboot_tell(h, true, "abc", &m->wants, NULL), 0);
	assert_file(m, REQUIRED, "*** System restart required by kvmhost ***\n");
	assert_file(m, REQUIRED ".pkgs", "kvmhost\n");
	assert_int_equal(reboot_tell(h, false, "abc", &m->wants, NULL), 0);
	assert_no_file(m, REQUIRED);
	assert_no_file(m, REQUIRED ".pkgs");
	assert_no_file(m, "/run/motd.d/kvmhost");

	put(m, REQUIRED, "theirs\n");
	put(m, REQUIRED ".pkgs", "linux-image-amd64\nkvmhost-like\n");
	assert_int_equal(reboot_tell(h, true, "abc", &m->wants, NULL), 0);
	assert_file(m, REQUIRED, "theirs\n");
	assert_file(m, REQUIRED ".pkgs", "linux-image-amd64\nkvmhost-like\nkvmhost\n");
	assert_int_equal(reboot_tell(h, false, "abc", &m->wants, NULL), 0);
	assert_file(m, REQUIRED, "theirs\n");
	assert_file(m, REQUIRED ".pkgs", "linux-image-amd64\nkvmhost-like\n");
	/* Said by somebody who names no package: not ours to take back. */
	file_remove(h->root, REQUIRED ".pkgs");
	assert_int_equal(reboot_tell(h, true, "abc", &m->wants, NULL), 0);
	assert_int_equal(reboot_tell(h, false, "abc", &m->wants, NULL), 0);
	assert_file(m, REQUIRED, "theirs\n");
	assert_no_file(m, REQUIRED ".pkgs");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, machine_setup, machine_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_converge_wait_release),
		TEST(test_one_run_for_all),
		TEST(test_wanted_again_before_the_reboot),
		TEST(test_his_own),
		TEST(test_becomes_his_own),
		TEST(test_conflict),
		TEST(test_moved_in_the_menu),
		TEST(test_stale_menu),
		TEST(test_half_a_menu),
		TEST(test_tool_fails),
		TEST(test_thrown_away_by_a_later_file),
		TEST(test_somebody_elses_file),
		TEST(test_quoting),
		TEST(test_shell),
		TEST(test_offline),
		TEST(test_other_loaders),
		TEST(test_unknown_loader),
		TEST(test_reboot_is_told),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
