/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "fixture.h"
#include "runner/option_json.h"

static void test_types(void **state _unused_)
{
	static const char *const cases[][3] = {
		{ "driver=file,node-name=file0,filename=/dev/fdset/0,locking=on,cache.direct=on,"
		  "cache.no-flush=off,discard=unmap,read-only=off",
			NULL,
			"{\"driver\":\"file\",\"node-name\":\"file0\",\"filename\":\"/dev/fdset/"
			"0\","
			"\"locking\":\"on\",\"cache\":{\"direct\":true,\"no-flush\":false},"
			"\"discard\":\"unmap\",\"read-only\":false}" },
		{ "scsi-hd,bus=scsi.0,scsi-id=3,lun=0,serial=0123,write-cache=on", "driver",
			"{\"driver\":\"scsi-hd\",\"bus\":\"scsi.0\",\"scsi-id\":3,\"lun\":0,"
			"\"serial\":\"0123\",\"write-cache\":\"on\"}" },
		{ "tap,id=hostnet0,fds=60:61,vhost=on", "type",
			"{\"type\":\"tap\",\"id\":\"hostnet0\",\"fds\":\"60:61\",\"vhost\":true}" },
		{ "usb-storage,port=1,drive=disk7", "driver",
			"{\"driver\":\"usb-storage\",\"port\":\"1\",\"drive\":\"disk7\"}" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		json_t *got = option_json(cases[i][0], cases[i][1]);
		_cleanup_free_ char *text = json_dumps(got, JSON_COMPACT);

		assert_string_equal(text, cases[i][2]);
		json_decref(got);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_types) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
