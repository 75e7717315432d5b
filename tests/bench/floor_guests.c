/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What there is to look at of guests: systemd's units by one call, their files by reading them. */
#include "floor.h"
#include <fcntl.h>
#include <string.h>
#include <systemd/sd-bus.h>
#include <unistd.h>

#define MANAGER "org.freedesktop.systemd1.Manager"
#define UNIT_ROW "(ssssssouso)"

static sd_bus_message *answer;

static void check(int r)
{
	if (r < 0)
		die("systemd: %s", strerror(-r));
}

static int on_answer(sd_bus_message *m, void *arg, sd_bus_error *ret)
{
	(void)arg;
	(void)ret;
	answer = sd_bus_message_ref(m);
	return 0;
}

sd_bus *units_ask(void)
{
	sd_bus *bus;

	check(sd_bus_new(&bus));
	check(sd_bus_set_address(bus, "unix:path=/run/systemd/private"));
	check(sd_bus_start(bus));
	check(sd_bus_call_method_async(bus, NULL, NULL, "/org/freedesktop/systemd1", MANAGER,
		"ListUnitsByPatterns", on_answer, NULL, "asas", 0, 1, "kvmhost-*"));
	while (sd_bus_process(bus, NULL) > 0)
		;
	return bus;
}

unsigned long units_count(sd_bus *bus)
{
	const char *name, *rest;
	unsigned long n = 0;
	uint32_t job;
	int r;

	while (!answer) {
		check(r = sd_bus_process(bus, NULL));
		if (r == 0)
			check(sd_bus_wait(bus, UINT64_MAX));
	}
	check(sd_bus_message_enter_container(answer, 'a', UNIT_ROW));
	while ((r = sd_bus_message_read(answer, UNIT_ROW, &name, &rest, &rest, &rest, &rest, &rest,
			&rest, &job, &rest, &rest)) > 0)
		n++;
	check(r);
	return n;
}

unsigned long files_read(char *const *paths)
{
	unsigned long n = 0;
	char page[4096];

	for (; *paths; paths++, n++) {
		int fd = open(*paths, O_RDONLY | O_CLOEXEC);

		if (fd < 0 || read(fd, page, sizeof(page)) < 0)
			die("%s: %m", *paths);
		close(fd);
	}
	return n;
}
