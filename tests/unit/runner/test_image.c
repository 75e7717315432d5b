/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The size of an image from its own bytes. */
#include "fixture.h"
#include "runner/image.h"
#include "runner/image_chain.h"
#include <fcntl.h>
#include <sys/mman.h>

static uint64_t size_of(
	enum disk_format format, const char *magic, size_t at, const char number[static 8])
{
	char bytes[512] = { 0 };
	int fd = memfd_create("image", MFD_CLOEXEC);
	uint64_t size;

	memcpy(bytes, magic, strlen(magic));
	memcpy(bytes + at, number, 8);
	assert_int_equal(write(fd, bytes, sizeof(bytes)), sizeof(bytes));
	size = image_size(fd, format);
	close(fd);
	return size;
}

static void test_headers(void **state _unused_)
{
	static const char big[8] = { 0, 0, 0, 0, 4, 0, 0, 0 },
			  little[8] = { 0, 0, 0, 4, 0, 0, 0, 0 };
	static const char sectors[8] = { 0, 0, 2, 0, 0, 0, 0, 0 },
			  huge[8] = { 0, 0, 0, 0, 0, 0, 0, 127 };

	assert_int_equal(size_of(DISK_QCOW2, "QFI\xfb", 24, big), 64 * MIB);
	assert_int_equal(size_of(DISK_QED, "QED", 48, little), 64 * MIB);
	assert_int_equal(size_of(DISK_VPC, "conectix", 48, big), 64 * MIB);
	assert_int_equal(size_of(DISK_VMDK, "KDMV", 12, sectors), 64 * MIB);
	assert_int_equal(size_of(DISK_RAW, "", 0, big), 512);
	/* Of another format, or nonsense: QEMU says so. */
	assert_int_equal(size_of(DISK_QCOW2, "QED", 24, big), 0);
	assert_int_equal(size_of(DISK_VMDK, "KDMV", 12, huge), 0);
	assert_int_equal(size_of(DISK_VHDX, "vhdxfile", 24, big), 0);
}

static void test_missing_directory(void **state _unused_)
{
	const struct image i = { .path = "/proc/none/a.img", .size = MIB };
	_cleanup_error_ struct error e = { 0 };

	assert_true(image_make(AT_FDCWD, &i, &e) < 0);
	assert_non_null(strstr(e.text, "/proc/none"));
}

static int check(const char *header, size_t len, enum disk_format format, struct error *e)
{
	int fd = memfd_create("image", MFD_CLOEXEC), r;

	assert_int_equal(ftruncate(fd, 512), 0);
	assert_int_equal(pwrite(fd, header, len, 0), len);
	r = image_header_check(fd, "/srv/a", format, NULL, e);
	close(fd);
	return r;
}

/* What QEMU would open for it is the guest's to write. */
static void test_headers_that_name_other_files(void **state _unused_)
{
	static const char data_file[80] = { 'Q', 'F', 'I', '\xfb', 0, 0, 0, 3, [79] = 4 };
	static const char old[80] = { 'Q', 'F', 'I', '\xfb', 0, 0, 0, 2, [79] = 4 };
	static const char below[120] = { 'Q', 'F', 'I', '\xfb', 0, 0, 0,
		3, [15] = 104, [19] = 6, [103] = 104, [104] = '/', 'd', '\033', '[', '2', 'J' };
	static const char qed[32] = { 'Q', 'E', 'D', [16] = 1 };
	_cleanup_error_ struct error e = { 0 };

	assert_int_equal(check(data_file, sizeof(data_file), DISK_QCOW2, &e), -EPERM);
	assert_non_null(strstr(e.text, "has its data in another file"));
	assert_int_equal(check(old, sizeof(old), DISK_QCOW2, &e), 0);
	assert_int_equal(check(data_file, sizeof(data_file), DISK_RAW, &e), 0);
	assert_int_equal(check(below, sizeof(below), DISK_QCOW2, &e), -EPERM);
	assert_string_equal(
		e.text, "the image /srv/a is made on /d?[2J, which the document does not name");
	assert_int_equal(check(qed, sizeof(qed), DISK_QED, &e), -EPERM);
}

static int on(const char *name, const char *base)
{
	char header[512] = { 'Q', 'F', 'I', '\xfb', 0, 0, 0, 3, [15] = 104, [103] = 104 };
	_cleanup_error_ struct error e = { 0 };
	int fd = memfd_create("image", MFD_CLOEXEC), r;

	header[19] = (char)strlen(name);
	memcpy(header + 104, name, strlen(name));
	assert_int_equal(pwrite(fd, header, sizeof(header), 0), sizeof(header));
	r = image_header_check(fd, "/srv/on/a", DISK_QCOW2, base, &e);
	close(fd);
	return r;
}

/* By name: nothing of these is there. */
static void test_the_image_below_is_the_documents(void **state _unused_)
{
	assert_int_equal(on("/srv/golden", "/srv/golden"), 0);
	assert_int_equal(on("../golden", "/srv/golden"), 0);
	assert_int_equal(on(".././/on/.golden", "/srv/on/.golden"), 0);
	assert_int_equal(on("golden", "/srv/on/golden"), 0);
	assert_int_equal(on("../../../../golden", "/golden"), 0);
	assert_int_equal(on("/srv/golden2", "/srv/golden"), -EINVAL);
	assert_int_equal(on("/srv/golde", "/srv/golden"), -EINVAL);
	assert_int_equal(on("json:{}", "/srv/golden"), -EINVAL);
	assert_int_equal(on("..", "/srv/golden"), -EINVAL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_headers),
		cmocka_unit_test(test_missing_directory),
		cmocka_unit_test(test_headers_that_name_other_files),
		cmocka_unit_test(test_the_image_below_is_the_documents),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
