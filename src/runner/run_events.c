/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Events and their members: qapi/run-state.json and qapi/block-core.json in QEMU's source. */
#include "runner/run_events.h"
#include "runner/state.h"
#include <syslog.h>

static char text[600];

static const char *member(json_t *data, const char *key)
{
	const char *s = json_string_value(json_object_get(data, key));

	return s ? s : "unknown";
}

static struct run_event shutdown_event(_unused_ const struct guest *g, json_t *data)
{
	/* "guest-reset" and the like never end QEMU here: a guest's reboot is a RESET. */
	return (struct run_event){ .powered_off = json_is_true(json_object_get(data, "guest")) };
}

static struct run_event reset_event(_unused_ const struct guest *g, json_t *data)
{
	const char *who = json_is_true(json_object_get(data, "guest")) ? "the guest reboots"
								       : "the guest was reset";
	return (struct run_event){ .text = who, .level = LOG_INFO };
}

/* By the document's word: QEMU's `action` is "poweroff" for two of them. */
static struct run_event panic_event(const struct guest *g, _unused_ json_t *data)
{
	snprintf(text, sizeof(text), "the guest's kernel panicked (panic: %s)",
		guest_panic_names[g->panic]);
	return (struct run_event){
		.text = text, .level = LOG_ERR, .fatal = g->panic == PANIC_FAIL
	};
}

/* "disk0", or "format0" below a limit: the path of the guest's disk; else the name itself. */
static const char *image_of(const struct guest *g, const char *node)
{
	size_t digits = strcspn(node, "0123456789"), i;

	if (!node[digits])
		return node;
	i = strtoul(node + digits, NULL, 10);
	return i < g->disks.n ? LIST_AT(&g->disks, const struct guest_disk, i).path : node;
}

/* Its kernel goes on, to write down what it was (kdump). */
static struct run_event crash_event(_unused_ const struct guest *g, _unused_ json_t *data)
{
	return (struct run_event){
		.text = "the guest's kernel crashed, and its crash kernel (kdump) runs",
		.level = LOG_ERR
	};
}

static struct run_event io_error_event(const struct guest *g, json_t *data)
{
	const char *node = image_of(g, member(data, "node-name"));
	bool stops = streq(member(data, "action"), "stop");
	char image[256], why[200];

	plain_text(image, sizeof(image), node, strlen(node));
	plain_text(why, sizeof(why), member(data, "reason"), strlen(member(data, "reason")));
	if (stops && json_is_true(json_object_get(data, "nospace")))
		snprintf(text, sizeof(text),
			"no room is left for %s, and the guest stands still; make room, then: "
			"kvmhostctl guest resume %s",
			image, g->obj.name);
	else
		snprintf(text, sizeof(text), "%s %s fails: %s%s",
			member(data, "operation")[0] == 'w' ? "writing to" : "reading", image, why,
			stops ? "; the guest stands still" : "");
	return (struct run_event){ .text = text, .level = LOG_ERR, .still = stops };
}

static struct run_event stop_event(_unused_ const struct guest *g, _unused_ json_t *data)
{
	return (struct run_event){
		.text = "the guest is paused", .level = LOG_NOTICE, .paused = true
	};
}

static struct run_event resume_event(_unused_ const struct guest *g, _unused_ json_t *data)
{
	return (struct run_event){ .resumed = true };
}

static struct run_event port_event(_unused_ const struct guest *g, json_t *data)
{
	return (struct run_event){
		.agent = streq(member(data, "id"), "agent"),
		.agent_open = json_is_true(json_object_get(data, "open")),
	};
}

static struct run_event watchdog_event(_unused_ const struct guest *g, json_t *data)
{
	char what[80];

	plain_text(what, sizeof(what), member(data, "action"), strlen(member(data, "action")));
	snprintf(text, sizeof(text), "the guest let its watchdog expire (action: %s)", what);
	/* QEMU ends with no other word then. */
	return (struct run_event){ .text = text,
		.level = LOG_ERR,
		.powered_off = streq(member(data, "action"), "poweroff") };
}

/* Of the host's memory, found by its hardware; a guest that is told of it may go on without the
 * page. */
static struct run_event memory_event(_unused_ const struct guest *g, json_t *data)
{
	char what[80];

	plain_text(what, sizeof(what), member(data, "action"), strlen(member(data, "action")));
	snprintf(text, sizeof(text),
		"memory of the host that the guest uses is damaged (action: %s); see the "
		"kernel's log",
		what);
	return (struct run_event){ .text = text, .level = LOG_ERR };
}

/* A device without a name is none of ours: one that a bus of QEMU's own made. */
static struct run_event deleted_event(_unused_ const struct guest *g, json_t *data)
{
	return (struct run_event){ .deleted = json_string_value(json_object_get(data, "device")) };
}

struct run_event run_event(const struct guest *g, const char *event, json_t *data)
{
	static const struct {
		const char *name;
		struct run_event (*fn)(const struct guest *g, json_t *data);
	} known[] = {
		{ "SHUTDOWN", shutdown_event },
		{ "RESET", reset_event },
		{ "GUEST_PANICKED", panic_event },
		{ "GUEST_CRASHLOADED", crash_event },
		{ "BLOCK_IO_ERROR", io_error_event },
		{ "MEMORY_FAILURE", memory_event },
		{ "STOP", stop_event },
		{ "RESUME", resume_event },
		{ "VSERPORT_CHANGE", port_event },
		{ "WATCHDOG", watchdog_event },
		{ "DEVICE_DELETED", deleted_event },
	};

	for (size_t i = 0; i < ARRAY_SIZE(known); i++)
		if (streq(known[i].name, event))
			return known[i].fn(g, data);
	return (struct run_event){ 0 };
}
