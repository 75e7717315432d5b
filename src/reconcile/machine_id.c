/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "reconcile/machine_id.h"

struct identity {
	char *text; /* NULL: not read yet */
};

static int identity_open(struct host *h _unused_, void **data, struct error *e _unused_)
{
	*data = xcalloc(1, sizeof(struct identity));
	return 0;
}

static void identity_forget(void *data)
{
	struct identity *i = data;

	free(i->text);
	i->text = NULL;
}

static void identity_close(void *data)
{
	identity_forget(data);
	free(data);
}

static const struct handle identity_handle = {
	.name = "machine-id",
	.open = identity_open,
	.forget = identity_forget,
	.close = identity_close,
};

int machine_id(struct host *h, const char **id)
{
	struct identity *i;
	void *data;
	int r = host_handle(h, &identity_handle, &data, NULL);

	if (r < 0)
		return r;
	i = data;
	if (!i->text)
		r = file_read_line(h->root, "/etc/machine-id", &i->text);
	if (r >= 0)
		*id = i->text;
	return r;
}
