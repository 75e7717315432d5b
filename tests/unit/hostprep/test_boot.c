/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Boot loaders but Debian's GRUB: one story for each, on recorded layouts with a script
 * in the tool's place. systemd-boot's tool itself is run in the capsule.
 */
#include "fixture.h"
#include "hostprep/cmdline.h"
#include <sys/stat.h>

#define EFI "/sys/firmware/efi/efivars/"
#define GUID "4a67b082-0a4c-41cf-b6c7-440b29bb8c4f"
#define ENTRY "/boot/loader/entries/0123456789abcdef0123456789abcdef-6.1.conf"
#define ID "0123456789abcdef0123456789abcdef"
#define LIST "/var/lib/kvmhost/kernel-cmdline"
#define LINE "root=UUID=1 ro quiet"

/* Writes the entry anew of /etc/kernel/cmdline. */
#define MAKE_ENTRY \
	"cmdline=$(cat $root/etc/kernel/cmdline)\n" \
	"printf 'title Linux\\nversion 6.1\\nmachine-id " ID "\\noptions %s\\nlinux /linux\\n' " \
	"\"$cmdline\" >$root" ENTRY "\n"

/*
 * A unified kernel image: DOS header, PE header, three sections of fixed length; the tool cuts it
 * up and puts it together with another command line.
 */
#define IMAGE "/efi/EFI/Linux/linux.efi"
#define SAID "/said"
enum { HEADERS = 208, CMDLINE_LENGTH = 512, RELEASE_LENGTH = 32, UNAME_LENGTH = 16 };
#define MAKE_IMAGE \
	"printf '%s\\n' \"$cmdline\" >$root" SAID "\n" \
	"{ head -c 208 $root" IMAGE "; printf '%-512s' \"$cmdline\"; tail -c +721 $root" IMAGE \
	"; } >$root/new\nmv $root/new $root" IMAGE "\n"

struct layout {
	const char *name; /* as the plan says it */
	const char *file, *menu;
	const char *tool, *script;
	const char *runs; /* what the tool runs; NULL: it does all itself */
	const char *evidence; /* a file that is there; NULL: LoaderInfo says systemd-boot */
	const char *result; /* where the script leaves the command line */
	bool args; /* the tool is told words, /etc/kernel/cmdline is not written */
	const char *says; /* what stands in the evidence; such a machine boots images */
	const char *base; /* what the line of others stands in; NULL: /etc/kernel/cmdline */
};

static const struct layout layouts[] = {
	{ .name = "systemd-boot",
		.file = CMDLINE_FILE "kernel/cmdline)",
		.menu = CMDLINE_MENU "loader/entries)",
		.tool = "/usr/bin/kernel-install",
		.script = "[ \"$1 $2\" = 'add 6.1' ] || exit 3\n[ -e $root$3 ] || exit "
			  "4\n" MAKE_ENTRY,
		.result = ENTRY },
	{ .name = "proxmox",
		.file = CMDLINE_FILE "kernel/cmdline)",
		.tool = "/usr/sbin/proxmox-boot-tool",
		.script = "[ \"$1\" = refresh ] || exit 3\ncp $root/etc/kernel/cmdline $root/esp\n",
		.evidence = "/etc/kernel/proxmox-boot-uuids",
		.result = "/esp" },
	{ .name = "sdbootutil",
		.file = CMDLINE_FILE "kernel/cmdline)",
		.menu = CMDLINE_MENU "loader/entries)",
		.tool = "/usr/bin/sdbootutil",
		.script = "[ \"$1\" = update-all-entries ] || exit 3\n" MAKE_ENTRY,
		.evidence = "/usr/bin/sdbootutil",
		.result = ENTRY },
	{ .name = "grubby",
		.file = CMDLINE_FILE "grubby)",
		.menu = CMDLINE_MENU "loader/entries)",
		.tool = "/usr/sbin/grubby",
		.script = "[ \"$1\" = --update-kernel=ALL ] || exit 3\n"
			  "entry=$root" ENTRY "\n"
			  "case $2 in\n" /* what is added replaces all of its name */
			  "--args=*) for a in ${2#*=}; do sed -i -E "
			  "\"/^options/s/ ${a%%=*}(=[^ ]*)?( |\\$)/ /g\" $entry; done\n"
			  "for a in ${2#*=}; do sed -i \"/^options/s| *\\$| $a|\" $entry; done ;;\n"
			  "--remove-args=*) for a in ${2#*=}; do sed -i -E "
			  "\"/^options/s/ $a( |\\$)/\\1/\" $entry; done ;;\n"
			  "*) exit 4 ;;\nesac\n",
		.evidence = "/usr/sbin/grubby",
		.result = ENTRY,
		.args = true },
	{ .name = "rpm-ostree",
		.file = CMDLINE_FILE "rpm-ostree)",
		.tool = "/usr/bin/rpm-ostree",
		.script = "[ \"$1\" = kargs ] || exit 3\nshift\n"
			  "[ -e $root/kargs ] || echo '" LINE "' >$root/kargs\n"
			  "for a; do case $a in\n"
			  "--append-if-missing=*) grep -q -- \" ${a#*=}\\b\" $root/kargs || sed -i "
			  "\"s|\\$| ${a#*=}|\" $root/kargs ;;\n"
			  "--append=*) sed -i \"s|\\$| ${a#*=}|\" $root/kargs ;;\n"
			  "--delete-if-present=*) sed -i \"s| ${a#*=}||\" $root/kargs ;;\n"
			  "*) exit 4 ;;\nesac; done\n",
		.evidence = "/run/ostree-booted",
		.result = "/kargs",
		.args = true },
	{ .name = "UKI by kernel-install",
		.file = CMDLINE_FILE "kernel/cmdline)",
		.menu = CMDLINE_MENU "EFI/Linux)",
		.tool = "/usr/bin/kernel-install",
		.script = "[ \"$1 $2\" = 'add 6.1' ] || exit 3\n"
			  "cmdline=$(cat $root/etc/kernel/cmdline)\n" MAKE_IMAGE,
		.evidence = "/etc/kernel/install.conf",
		.says = "layout=bls\nlayout=uki\n",
		.result = SAID },
	{ .name = "UKI by mkinitcpio",
		.file = CMDLINE_FILE "kernel/cmdline)",
		.menu = CMDLINE_MENU "EFI/Linux)",
		.tool = "/usr/bin/mkinitcpio",
		.script = "[ \"$*\" = -P ] || exit 3\n"
			  "cmdline=$(cat $root/etc/kernel/cmdline)\n" MAKE_IMAGE,
		.evidence = "/etc/mkinitcpio.d/linux.preset",
		.says = "PRESETS=('default')\ndefault_uki=\"" IMAGE "\"\n",
		.result = SAID },
	{ .name = "UKI by mkinitcpio of a directory",
		.file = CMDLINE_FILE "cmdline.d/90-kvmhost.conf)",
		.menu = CMDLINE_MENU "EFI/Linux)",
		.tool = "/usr/bin/mkinitcpio",
		.script = "[ \"$*\" = -P ] || exit 3\n"
			  "cmdline=$(grep -h '^[^#]' $root/etc/cmdline.d/*.conf | tr '\\n' ' ')\n"
			  "cmdline=${cmdline% }\n" MAKE_IMAGE,
		.evidence = "/etc/mkinitcpio.d/linux.preset",
		.says = "PRESETS=('default')\ndefault_efi_image=\"" IMAGE "\"\n",
		.result = SAID,
		.args = true,
		.base = "/etc/cmdline.d/10-root.conf" },
	{ .name = "bootc",
		.file = CMDLINE_FILE "bootc)",
		.tool = "/usr/bin/systemd-run",
		.script =
			"[ \"$1 $2 $3 $4\" = '--quiet --wait --pipe --collect' ] || exit 3\nshift "
			"4\n"
			"[ \"$1 $2 $3 $4\" = '/usr/bin/bootc loader-entries set-options-for-source "
			"--source=kvmhost' ] || exit 4\n"
			"case $5 in '') ;; --options=?*) ;; *) exit 5 ;; esac\n"
			"o=${5#--options=}\n"
			"printf '%s\\n' \"" LINE "${o:+ $o}\" >$root/kargs\n",
		.runs = "/usr/bin/bootc",
		.evidence = "/run/ostree-booted",
		.result = "/kargs",
		.args = true },
};

static void put_variable(struct machine *m, const char *path, const char *text)
{
	char raw[64] = { 6, 0, 0, 0 };
	size_t i;

	for (i = 0; text[i]; i++)
		raw[4 + 2 * i] = text[i];
	assert_int_equal(file_write_atomic(m->host.root, path, raw, 4 + 2 * (i + 1), 0644), 0);
}

static void number(char *p, unsigned n)
{
	p[0] = (char)n;
	p[1] = (char)(n >> 8);
}

static unsigned put_section(
	char *image, unsigned i, unsigned at, const char *name, const char *text, unsigned n)
{
	char *header = image + 64 + 24 + 40 * i;

	memcpy(header, name, strlen(name));
	number(header + 8, n);
	number(header + 16, n);
	number(header + 20, at);
	memcpy(image + at, text, strlen(text));
	return at + n;
}

static void put_image(struct machine *m, const char *path, const char *release)
{
	char image[HEADERS + CMDLINE_LENGTH + RELEASE_LENGTH + UNAME_LENGTH] = "MZ";
	unsigned at = HEADERS;

	number(image + 0x3c, 64);
	memcpy(image + 64, "PE", 2);
	number(image + 64 + 6, 3);
	at = put_section(image, 0, at, ".cmdline", LINE, CMDLINE_LENGTH);
	at = put_section(image, 1, at, ".osrel", release, RELEASE_LENGTH);
	put_section(image, 2, at, ".uname", "6.1", UNAME_LENGTH);
	assert_int_equal(file_write_atomic(m->host.root, path, image, sizeof(image), 0644), 0);
}

static void put_tool(struct machine *m, const struct layout *l)
{
	put(m, l->tool,
		arena_printf(m->arena,
			"#!/bin/sh\nset -e\nroot=${0%%%s}\necho \"$@\" >>$root/runs\n"
			"[ ! -e $root/broken ] || { echo no room; exit 1; }\n%s",
			l->tool, l->script));
	assert_int_equal(chmod(arena_printf(m->arena, "%s%s", m->dir, l->tool), 0755), 0);
}

static struct machine *layout(void **state, const struct layout *l)
{
	struct machine *m = *state;

	m->host.live = true;
	if (l->evidence)
		put(m, l->evidence, l->says ? l->says : "x");
	else
		put_variable(m, EFI "LoaderInfo-" GUID, "systemd-boot 252");
	if (l->says) {
		put_variable(m, EFI "StubInfo-" GUID, "systemd-stub 254");
		put(m, "/etc/os-release", "NAME=x\nID=arch\n");
		put_image(m, IMAGE, "ID=\"arch\"\nNAME=x\n");
		put_image(m, "/efi/EFI/Linux/other.efi", "ID=fedora\n");
	}
	put_tool(m, l);
	if (l->runs)
		put(m, l->runs, "");
	put(m, "/etc/machine-id", ID "\n");
	put(m, l->base ? l->base : "/etc/kernel/cmdline", LINE "\n");
	put(m, ENTRY,
		"title Linux\nversion 6.1\nmachine-id " ID "\noptions " LINE "\nlinux /linux\n");
	put(m, "/boot/loader/entries/ffffffffffffffffffffffffffffffff-5.conf",
		"title Other\noptions root=UUID=2\nlinux /other\n");
	put(m, "/boot/loader/entries/windows.conf", "title Windows\nefi /EFI/boot.efi\n");
	put(m, "/boot/vmlinuz-6.1", "");
	put(m, "/proc/cmdline", LINE "\n");
	put(m, "/proc/sys/kernel/random/boot_id", "one\n");
	return m;
}

static void boot_with(struct machine *m, const char *line)
{
	put(m, "/proc/cmdline", line);
	put(m, "/proc/sys/kernel/random/boot_id",
		arena_printf(m->arena, "+%s", get(m, "/proc/sys/kernel/random/boot_id")));
}

static unsigned runs(struct machine *m)
{
	const char *text = get(m, "/runs");
	unsigned n = 0;

	for (; text && *text; text++)
		n += *text == '\n';
	return n;
}

static void all_wait(struct machine *m)
{
	plan(m);
	assert_int_equal(m->plan.n_wait, m->plan.n);
}

/* A file of others is edited, and stays who may read it. */
static void keep_to_root(struct machine *m, const char *path)
{
	assert_int_equal(chmod(arena_printf(m->arena, "%s%s", m->dir, path), 0600), 0);
}

static void assert_kept_to_root(struct machine *m, const char *path)
{
	struct stat st;

	assert_int_equal(stat(arena_printf(m->arena, "%s%s", m->dir, path), &st), 0);
	assert_int_equal(st.st_mode & 07777, 0600);
}

static void story(void **state, const struct layout *l)
{
	struct machine *m = layout(state, l);
	const char *entry = get(m, ENTRY), *base = l->base ? l->base : "/etc/kernel/cmdline";
	const char *line = get(m, base);

	keep_to_root(m, base);
	want(m, "cmdline: [mitigations=off, hugepagesz=1G]");
	plan(m);
	assert_int_equal(m->plan.n, 2);
	assert_string_equal(change(m, l->file), "- -> mitigations=off");
	if (l->menu)
		assert_string_equal(change(m, l->menu), "in 0 of 1 entries -> in each, once");
	settle(m);
	assert_int_equal(runs(m), 1);
	assert_non_null(strstr(get(m, l->result), LINE " mitigations=off hugepagesz=1G\n"));
	if (!l->args)
		assert_file(m, "/etc/kernel/cmdline", LINE " mitigations=off hugepagesz=1G\n");
	restart(m);
	all_wait(m);
	assert_int_equal(m->plan.n, 2);
	boot_with(m, LINE " mitigations=off hugepagesz=1G\n");
	assert_int_equal(plan(m)->n, 0);

	/* one goes, one comes, the third stays */
	want(m, "cmdline: [hugepagesz=1G, nosmt]");
	settle(m);
	assert_non_null(strstr(get(m, l->result), LINE " hugepagesz=1G nosmt\n"));
	boot_with(m, LINE " hugepagesz=1G nosmt\n");
	want(m, "{}");
	settle(m);
	boot_with(m, LINE "\n");
	assert_int_equal(plan(m)->n, 0);
	assert_no_file(m, LIST);
	assert_string_equal(get(m, ENTRY), entry);
	assert_string_equal(get(m, base), line);
	assert_kept_to_root(m, base);
	assert_no_file(m, "/etc/cmdline.d/90-kvmhost.conf");
	assert_non_null(strstr(get(m, l->result), LINE "\n"));
}

/* The tool fails, which is told; the next run finishes. */
static void tool_fails(void **state, const struct layout *l)
{
	struct machine *m = layout(state, l);

	put(m, "/broken", "");
	want(m, "cmdline: [mitigations=off]");
	assert_non_null(strstr(apply_fails(m), "no room"));
	file_remove(m->host.root, "/broken");
	restart(m);
	plan(m);
	assert_int_equal(m->plan.n, 1);
	assert_int_equal(m->plan.n_wait, 0);
	settle(m);
	all_wait(m);
	assert_non_null(strstr(get(m, l->result), "mitigations=off"));
}

/* GRUB whose tool reads no directory: ours is a block at the end of /etc/default/grub. */
static void grub_story(void **state, const char *tool, const char *dir)
{
	struct machine *m = *state;
	const char *before = "GRUB_TIMEOUT=5\nGRUB_CMDLINE_LINUX_DEFAULT=\"quiet\"\n"
			     "GRUB_CMDLINE_LINUX=\"audit=0\"\n";
	const char *menu = arena_printf(m->arena, "%s/grub.cfg", dir);

	m->host.live = true;
	put(m, tool,
		arena_printf(m->arena,
			"#!/bin/sh\nset -e\nroot=${0%%%s}\n. $root/etc/default/grub\n"
			"cat >$2 <<EOF\n### BEGIN /etc/grub.d/10_linux ###\n"
			"menuentry 'Linux' {\n\tlinux /vmlinuz $GRUB_CMDLINE_LINUX "
			"$GRUB_CMDLINE_LINUX_DEFAULT\n}\n### END /etc/grub.d/10_linux ###\nEOF\n",
			tool));
	assert_int_equal(chmod(arena_printf(m->arena, "%s%s", m->dir, tool), 0755), 0);
	put(m, "/etc/default/grub", before);
	keep_to_root(m, "/etc/default/grub");
	put(m, "/etc/default/grub.d/90-nobody-reads-this.cfg", "GRUB_CMDLINE_LINUX=nosmt=force\n");
	put(m, menu,
		"### BEGIN /etc/grub.d/10_linux ###\nmenuentry 'Linux' {\n\tlinux /vmlinuz "
		"audit=0 quiet\n}\n### END /etc/grub.d/10_linux ###\n");
	put(m, "/proc/cmdline", "audit=0 quiet\n");
	put(m, "/proc/sys/kernel/random/boot_id", "one\n");

	want(m, "cmdline: [nosmt]");
	plan(m);
	assert_string_equal(change(m, CMDLINE_FILE "default/grub)"), "- -> nosmt");
	settle(m);
	assert_file(m, "/etc/default/grub",
		arena_printf(m->arena,
			"%s# BEGIN kvmhost: what you change in here is lost\n"
			"GRUB_CMDLINE_LINUX=\"$GRUB_CMDLINE_LINUX nosmt\"\n# END kvmhost\n",
			before));
	assert_non_null(strstr(get(m, menu), "audit=0 nosmt quiet\n"));
	restart(m);
	all_wait(m);
	want(m, "cmdline: [audit=1]");
	assert_non_null(strstr(apply_fails(m), "/etc/default/grub:3 sets audit=0"));
	want(m, "{}");
	settle(m);
	assert_file(m, "/etc/default/grub", before);
	assert_kept_to_root(m, "/etc/default/grub");
	assert_non_null(strstr(get(m, menu), "audit=0 quiet\n"));
}

static void test_grub_of_arch(void **state)
{
	grub_story(state, "/usr/bin/grub-mkconfig", "/boot/grub");
}

static void test_grub_of_suse(void **state)
{
	grub_story(state, "/usr/sbin/grub2-mkconfig", "/boot/grub2");
}

#define STORY(name, i) \
	static void test_##name(void **state) \
	{ \
		story(state, &layouts[i]); \
	} \
	static void test_##name##_fails(void **state) \
	{ \
		tool_fails(state, &layouts[i]); \
	}
STORY(systemd_boot, 0)
STORY(proxmox, 1)
STORY(sdbootutil, 2)
STORY(grubby, 3)
STORY(rpm_ostree, 4)
STORY(uki, 5)
STORY(mkinitcpio, 6)
STORY(mkinitcpio_directory, 7)
STORY(bootc, 8)

/* Without the file kernel-install takes the running kernel's line, and so does this one. */
static struct machine *without_file(void **state)
{
	struct machine *m = layout(state, &layouts[0]);
	struct layout l = layouts[0];

	l.script = "[ -e $root/etc/kernel/cmdline ] || { sed 's/^initrd=[^ ]* //' "
		   "$root/proc/cmdline >$root/line; mv $root/line $root/etc/kernel/cmdline; "
		   "gone=1; }\n" MAKE_ENTRY "[ -z $gone ] || rm $root/etc/kernel/cmdline\n";
	put_tool(m, &l);
	file_remove(m->host.root, "/etc/kernel/cmdline");
	put(m, "/proc/cmdline", "initrd=\\x\\initrd " LINE "\n");
	want(m, "cmdline: [nosmt]");
	settle(m);
	assert_file(m, "/etc/kernel/cmdline", LINE " nosmt\n");
	return m;
}

static void test_no_cmdline_file(void **state)
{
	struct machine *m = without_file(state);

	want(m, "{}");
	settle(m);
	assert_no_file(m, "/etc/kernel/cmdline");
	assert_null(strstr(get(m, ENTRY), "nosmt"));
}

/* The kernel that runs was started with it: without the file its entries would get it again. */
static void test_released_after_boot(void **state)
{
	struct machine *m = without_file(state);

	put(m, "/proc/cmdline", "initrd=\\x\\initrd " LINE " nosmt\n");
	want(m, "{}");
	settle(m);
	assert_null(strstr(get(m, ENTRY), "nosmt"));
	assert_file(m, "/etc/kernel/cmdline", LINE "\n");
	assert_no_file(m, LIST);
}

static void test_edited_by_others(void **state)
{
	struct machine *m = without_file(state);

	put(m, "/etc/kernel/cmdline", LINE " nosmt theirs=1\n");
	want(m, "{}");
	settle(m);
	assert_file(m, "/etc/kernel/cmdline", LINE " theirs=1\n");
}

static void test_conflict(void **state)
{
	struct machine *m = layout(state, &layouts[0]);

	put(m, "/etc/kernel/cmdline", LINE " intel_iommu=off\n");
	want(m, "cmdline: [intel_iommu=on]");
	assert_non_null(strstr(apply_fails(m), "/etc/kernel/cmdline:1 sets intel_iommu=off, and "
					       "the document wants intel_iommu=on"));
	put(m, "/etc/kernel/cmdline", LINE " intel_iommu=on\n");
	settle(m); /* his, and as wanted */
	want(m, "{}");
	settle(m);
	assert_file(m, "/etc/kernel/cmdline", LINE " intel_iommu=on\n");
}

static void test_uki_under_secure_boot(void **state)
{
	struct machine *m = layout(state, &layouts[5]);
	char raw[] = { 6, 0, 0, 0, 1 };

	assert_int_equal(file_write_atomic(m->host.root,
				 EFI "SecureBoot-8be4df61-93ca-11d2-aa0d-00e098032b8c", raw,
				 sizeof(raw), 0644),
		0);
	want(m, "cmdline: [nosmt]");
	assert_string_equal(apply_fails(m),
		"this machine boots a unified kernel image (systemd-stub 254) under Secure Boot: "
		"its command line is signed with it, and the firmware would refuse one that "
		"kvmhost has made anew; build the image with the parameters, sign it, and reboot");
	assert_file(m, "/etc/kernel/cmdline", LINE "\n");
}

static void test_uki_of_nobody(void **state)
{
	struct machine *m = layout(state, &layouts[6]);

	put(m, layouts[6].evidence, "#default_uki=\"" IMAGE "\"\ndefault_image=/boot/initrd\n");
	want(m, "cmdline: [nosmt]");
	assert_non_null(strstr(apply_fails(m), "nothing says who makes it"));
}

static void test_uki_cut_off(void **state)
{
	struct machine *m = layout(state, &layouts[6]);

	put(m, IMAGE, "MZ and no more");
	want(m, "cmdline: [nosmt]");
	assert_non_null(strstr(apply_fails(m), "it is cut off, or no PE image"));
}

static void test_directory_conflict(void **state)
{
	struct machine *m = layout(state, &layouts[7]);

	put(m, "/etc/cmdline.d/20-site.conf", "# nosmt=force\nquiet\nnosmt=force\n");
	want(m, "cmdline: [nosmt]");
	assert_non_null(strstr(apply_fails(m), "/etc/cmdline.d/20-site.conf:3 sets nosmt=force"));
}

/* grubby would take other people's words of the same name away. */
static void test_grubby_keeps_namesakes(void **state)
{
	struct machine *m = layout(state, &layouts[3]);
	const char *theirs = LINE " console=tty0 hugepagesz=2M hugepages=64 console=ttyS0";

	put(m, ENTRY,
		arena_printf(
			m->arena, "title Linux\nversion 6.1\noptions %s\nlinux /linux\n", theirs));
	put(m, "/proc/meminfo", "MemTotal: 16000000 kB\nHugepagesize: 2048 kB\n");
	put(m, "/sys/kernel/mm/hugepages/hugepages-1048576kB/nr_hugepages", "2\n");
	want(m, "cmdline: [console=ttyS1]\nmemory: {hugepages: {1GiB: 2}}");
	settle(m);
	assert_non_null(strstr(get(m, ENTRY),
		"options " LINE " console=tty0 hugepagesz=2M hugepages=64 console=ttyS0 "
		"console=ttyS1 hugepagesz=1G hugepages=2\n"));
	want(m, "cmdline: [console=ttyS1, console=ttyS2]");
	settle(m);
	assert_non_null(strstr(get(m, ENTRY),
		"options " LINE " hugepagesz=2M hugepages=64 console=tty0 console=ttyS0 "
		"console=ttyS1 console=ttyS2\n"));
	want(m, "cmdline: ['dyndbg=\"file a.c +p\"']");
	assert_non_null(
		strstr(apply_fails(m), "grubby cannot keep dyndbg=\"file a.c +p\" together"));
}

/* A size and its number are two options, and stand side by side. */
static void test_rpm_ostree_pair(void **state)
{
	struct machine *m = layout(state, &layouts[4]);

	put(m, "/kargs", LINE " hugepagesz=2M hugepages=64\n");
	put(m, "/proc/meminfo", "MemTotal: 16000000 kB\nHugepagesize: 2048 kB\n");
	put(m, "/sys/kernel/mm/hugepages/hugepages-1048576kB/nr_hugepages", "2\n");
	want(m, "memory: {hugepages: {1GiB: 2}}");
	settle(m);
	assert_file(m, "/kargs", LINE " hugepagesz=2M hugepages=64 hugepagesz=1G hugepages=2\n");
	want(m, "{}");
	settle(m);
	assert_file(m, "/kargs", LINE " hugepagesz=2M hugepages=64\n");
}

/* Each word is there once: a number that another size has too would be left out. */
static void test_bootc_shared_number(void **state)
{
	struct machine *m = layout(state, &layouts[8]);

	put(m, ENTRY, "title Linux\noptions " LINE " hugepagesz=2M hugepages=2\nlinux /linux\n");
	put(m, "/proc/meminfo", "MemTotal: 16000000 kB\nHugepagesize: 2048 kB\n");
	put(m, "/sys/kernel/mm/hugepages/hugepages-1048576kB/nr_hugepages", "2\n");
	want(m, "memory: {hugepages: {1GiB: 2}}");
	assert_non_null(strstr(apply_fails(m), "somebody else's hugepages=2 is there already"));
	want(m, "memory: {hugepages: {1GiB: 3}}");
	settle(m);
	assert_file(m, "/kargs", LINE " hugepagesz=1G hugepages=3\n");
}

/* Without ostree the kernel's command line tells; where loader-entries fails the image is left. */
static void test_bootc_by_composefs(void **state)
{
	struct machine *m = layout(state, &layouts[8]);

	file_remove(m->host.root, layouts[8].evidence);
	want(m, "cmdline: [nosmt]");
	put(m, "/proc/cmdline", "composefs_debug " LINE "\n");
	assert_non_null(strstr(apply_fails(m), "cannot tell how this machine boots"));
	put(m, "/proc/cmdline", "composefs=?0123 " LINE "\n");
	put(m, "/broken", "");
	restart(m);
	assert_non_null(strstr(apply_fails(m), "bootc needs the command `loader-entries`, and "
					       "ostree 2026.1 or later"));
	file_remove(m->host.root, "/broken");
	restart(m);
	settle(m);
	assert_file(m, "/kargs", LINE " nosmt\n");
}

#define KARGS "/usr/lib/bootc/kargs.d/"

static void test_bootc_image(void **state)
{
	struct machine *m = *state;

	put(m, "/usr/bin/bootc", "");
	put(m, KARGS "10-theirs.toml",
		"# kargs = [\"nosmt=force\"]\nkargs = [\n  'audit=0', # \"nosmt\"\n  "
		"\"console=ttyS0 quiet\"]\nmatch-architectures = [\"x86_64\"]\n");
	want(m, "cmdline: [nosmt, quiet, 'dyndbg=\"file a.c +p\"']\n"
		"memory: {hugepages: {1GiB: 4}}");
	settle(m);
	assert_file(m, KARGS "90-kvmhost.toml",
		"# Written by kvmhost; what you change here is lost.\n# Change host.kernel in "
		"/etc/kvmhost/host.yaml instead; see kvmhost.yaml(5).\n"
		"kargs = [\n  \"nosmt\",\n  \"dyndbg=\\\"file a.c +p\\\"\",\n"
		"  \"hugepagesz=1G\", \"hugepages=4\",\n]\n");
	restart(m);
	assert_int_equal(plan(m)->n, 1); /* memory/host: the machine that boots from this tree */
	want(m, "cmdline: [audit=1]");
	assert_non_null(strstr(apply_fails(m), KARGS "10-theirs.toml:3 sets audit=0"));
	want(m, "cmdline: [x86_64]");
	settle(m);
	assert_non_null(strstr(get(m, KARGS "90-kvmhost.toml"), "\"x86_64\","));
	want(m, "{}");
	settle(m);
	assert_no_file(m, KARGS "90-kvmhost.toml");
}

/* RHEL 8: the entries name a variable of GRUB's environment. */
static void test_kernelopts(void **state)
{
	struct machine *m = layout(state, &layouts[3]);

	put(m, ENTRY, "title Linux\noptions $kernelopts $tuned_params\nlinux /linux\n");
	put(m, "/boot/grub2/grubenv", "# GRUB Environment Block\nkernelopts=" LINE " nosmt\n####");
	want(m, "cmdline: [nosmt]");
	plan(m);
	assert_null(change(m, CMDLINE_MENU "loader/entries)"));
}

/* Booted by somebody who does not say so: not by systemd-boot, whatever lies about. */
static void test_not_booted_by_it(void **state)
{
	struct machine *m = layout(state, &layouts[0]);

	file_remove(m->host.root, EFI "LoaderInfo-" GUID);
	put(m, EFI "OsIndications-x", "");
	want(m, "cmdline: [nosmt]");
	assert_non_null(strstr(apply_fails(m), "cannot tell how this machine boots"));
	assert_int_equal(system(arena_printf(m->arena, "rm -r %s/sys/firmware", m->dir)), 0);
	plan(m);
	assert_string_equal(change(m, layouts[0].file), "- -> nosmt");
	put(m, "/boot/grub2/grub.cfg", "");
	assert_non_null(strstr(apply_fails(m), "cannot tell how this machine boots"));
}

static void test_cannot_tell(void **state)
{
	struct machine *m = layout(state, &layouts[4]);

	file_remove(m->host.root, "/usr/bin/rpm-ostree");
	want(m, "cmdline: [nosmt]");
	assert_non_null(strstr(apply_fails(m), "ostree, without rpm-ostree and bootc"));
	put(m, ENTRY, "title Linux\nlinux /linux\n");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, machine_setup, machine_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_systemd_boot),
		TEST(test_systemd_boot_fails),
		TEST(test_proxmox),
		TEST(test_proxmox_fails),
		TEST(test_sdbootutil),
		TEST(test_sdbootutil_fails),
		TEST(test_grubby),
		TEST(test_grubby_fails),
		TEST(test_rpm_ostree),
		TEST(test_rpm_ostree_fails),
		TEST(test_uki),
		TEST(test_uki_fails),
		TEST(test_mkinitcpio),
		TEST(test_mkinitcpio_fails),
		TEST(test_mkinitcpio_directory),
		TEST(test_mkinitcpio_directory_fails),
		TEST(test_bootc),
		TEST(test_bootc_fails),
		TEST(test_bootc_shared_number),
		TEST(test_bootc_by_composefs),
		TEST(test_bootc_image),
		TEST(test_uki_under_secure_boot),
		TEST(test_uki_of_nobody),
		TEST(test_uki_cut_off),
		TEST(test_directory_conflict),
		TEST(test_grub_of_arch),
		TEST(test_grub_of_suse),
		TEST(test_no_cmdline_file),
		TEST(test_released_after_boot),
		TEST(test_edited_by_others),
		TEST(test_conflict),
		TEST(test_grubby_keeps_namesakes),
		TEST(test_rpm_ostree_pair),
		TEST(test_kernelopts),
		TEST(test_not_booted_by_it),
		TEST(test_cannot_tell),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
