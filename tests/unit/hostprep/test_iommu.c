/* SPDX-License-Identifier: GPL-2.0-or-later */
/* host.iommu: why there is none is told apart. */
#include "fixture.h"

#define OWN "/etc/default/grub.d/90-kvmhost.cfg"
#define GROUP "/sys/kernel/iommu_groups/0/type"
#define INTEL "/sys/firmware/acpi/tables/DMAR"
#define AMD "/sys/firmware/acpi/tables/IVRS"

/* Its settings and menu have both parameters already, so that none of these tests runs a tool. */
static struct machine *machine(void **state, const char *table, const char *running)
{
	struct machine *m = *state;

	put(m, "/usr/sbin/grub-mkconfig", "default/grub.d/");
	put(m, "/etc/default/grub", "GRUB_CMDLINE_LINUX='intel_iommu=on iommu=pt'\n");
	put(m, "/boot/grub/grub.cfg",
		"### BEGIN /etc/grub.d/10_linux ###\n"
		"linux /vmlinuz intel_iommu=on iommu=pt\n"
		"### END /etc/grub.d/10_linux ###\n");
	put(m, "/proc/cmdline", running);
	put(m, "/proc/interrupts", "  0:  2  IR-IO-APIC  2-edge  timer\n");
	put(m, "/proc/sys/kernel/osrelease", "6.1.0-56-amd64\n");
	if (table)
		put(m, table, "x");
	m->host.live = true;
	return m;
}

static struct step *step(struct machine *m, const char *id)
{
	plan(m);
	for (size_t i = 0; i < m->plan.n; i++)
		if (streq(m->plan.steps[i]->r->id, id))
			return m->plan.steps[i];
	return NULL;
}

static void test_off_in_firmware(void **state)
{
	struct machine *m = machine(state, NULL, "ro\n");

	want(m, "iommu: {passthrough: true}");
	assert_non_null(strstr(apply_fails(m), "the firmware announces no IOMMU"));
	assert_null(step(m, "cmdline/intel_iommu=on"));
	assert_null(step(m, "cmdline/iommu=pt"));
}

static void test_off_on_the_command_line(void **state)
{
	struct machine *m = machine(state, INTEL, "ro intel_iommu=off\n");

	want(m, "iommu: {}");
	assert_string_equal(step(m, "iommu/host")->wait,
		"a reboot: the running kernel was started with intel_iommu=off");
	assert_int_equal(step(m, "iommu/host")->disruption, DISRUPT_REBOOT);
	put(m, "/proc/cmdline", "ro iommu=off\n");
	assert_string_equal(step(m, "iommu/host")->wait,
		"a reboot: the running kernel was started with iommu=off");
	put(m, "/proc/cmdline", "ro -- intel_iommu=on\n");
	assert_string_equal(step(m, "iommu/host")->wait,
		"a reboot: the running kernel was started without intel_iommu=on");
}

static void test_not_supported(void **state)
{
	struct machine *m = machine(state, INTEL, "ro intel_iommu=on\n");

	want(m, "iommu: {}");
	assert_non_null(strstr(apply_fails(m), "kernel 6.1.0-56-amd64 made no groups"));
}

static void test_works(void **state)
{
	struct machine *m = machine(state, INTEL, "ro intel_iommu=on iommu=pt\n");

	put(m, GROUP, "identity\n");
	want(m, "iommu: {passthrough: true}");
	assert_int_equal(step(m, "iommu/host")->verb, STEP_ADOPT);
	settle(m);
	assert_int_equal(plan(m)->n, 0);
	want(m, "{}");
	settle(m);
	assert_int_equal(plan(m)->n, 0);
}

/* On by itself: nothing is asked for, and the guide's spelling does no harm. */
static void test_amd(void **state)
{
	struct machine *m = machine(state, AMD, "ro\n");

	put(m, GROUP, "DMA\n");
	want(m, "iommu: {}");
	assert_int_equal(only_step(m)->verb, STEP_ADOPT);
	settle(m);
	assert_no_file(m, OWN);
	assert_int_equal(plan(m)->n, 0);
	want(m, "iommu: {}\ncmdline: [amd_iommu=on]");
	assert_int_equal(step(m, "cmdline/amd_iommu=on")->verb, STEP_CREATE);
}

static void test_amd_off(void **state)
{
	struct machine *m = machine(state, AMD, "ro amd_iommu=off\n");

	want(m, "iommu: {}");
	assert_string_equal(step(m, "iommu/host")->wait,
		"a reboot: the running kernel was started with amd_iommu=off");
	put(m, "/proc/cmdline", "ro\n");
	assert_non_null(strstr(apply_fails(m), "the firmware has IVRS, nothing"));
}

static void test_interrupts(void **state)
{
	struct machine *m = machine(state, AMD, "ro\n");

	put(m, GROUP, "DMA\n");
	put(m, "/proc/interrupts", "  0:  2  IO-APIC  2-edge  timer\n");
	put_modules(m, "6.1.0-56-amd64");
	want(m, "iommu: {}");
	assert_non_null(strstr(only_step(m)->wait, "interrupt remapping"));
	assert_int_equal(m->plan.steps[0]->disruption, DISRUPT_NONE);
	want(m, "iommu: {unsafe_interrupts: true}\n");
	assert_null(step(m, "iommu/host")->wait);
	assert_non_null(wants_find(&m->wants, "module", "vfio_iommu_type1"));
	/* This tree has no such module; what the module kind then says is its own. */
	assert_non_null(step(m, "module/vfio_iommu_type1"));
}

static void test_module_option(void **state)
{
	struct machine *m = *state;

	put(m, "/usr/sbin/grub-mkconfig", "default/grub.d/");
	want(m, "iommu: {unsafe_interrupts: true}\n"
		"modules: {vfio_iommu_type1: {options: {dma_entry_limit: 1000}, state: loaded}}");
	settle(m);
	assert_non_null(strstr(get(m, "/etc/modprobe.d/zz-kvmhost.conf"),
		"options vfio_iommu_type1 allow_unsafe_interrupts=1 dma_entry_limit=1000\n"));
	assert_non_null(
		strstr(reject(m, "iommu: {unsafe_interrupts: true}\nmodules: "
				 "{vfio_iommu_type1: {options: {allow_unsafe_interrupts: 0}}}"),
			"allow_unsafe_interrupts of module/vfio_iommu_type1 is 0 here, but "
			"iommu/host needs 1"));
}

static void test_contradictions(void **state)
{
	struct machine *m = *state;

	assert_non_null(strstr(reject(m, "iommu: {}\ncmdline: [intel_iommu=off]"),
		"test.yaml:2:11: error: intel_iommu=off contradicts host.iommu"));
	assert_non_null(strstr(
		reject(m, "iommu: {passthrough: true}\ncmdline: [iommu=soft]"), "contradicts"));
	assert_non_null(strstr(reject(m, "iommu: {}\ncmdline: [amd_iommu=off]"), "contradicts"));
	assert_non_null(strstr(
		reject(m, "iommu: {enabled: false, passthrough: true}"), "none without an IOMMU"));
	want(m, "iommu: {passthrough: true}\ncmdline: ['intel_iommu=on,sm_on', 'iommu=pt,strict']");
	assert_null(wants_find(&m->wants, "cmdline", "intel_iommu=on"));
	assert_null(wants_find(&m->wants, "cmdline", "iommu=pt"));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, machine_setup, machine_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_off_in_firmware),
		TEST(test_off_on_the_command_line),
		TEST(test_not_supported),
		TEST(test_works),
		TEST(test_amd),
		TEST(test_amd_off),
		TEST(test_interrupts),
		TEST(test_module_option),
		TEST(test_contradictions),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
