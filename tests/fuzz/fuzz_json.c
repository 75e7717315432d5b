/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Any bytes as a record: what json_walk() passes, jansson reads, and in as many members. */
#include "base/json_walk.h"
#include <jansson.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool truth, const char *what)
{
	if (truth)
		return;
	fprintf(stderr, "broken promise: %s\n", what);
	abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	_cleanup_free_ char *text = strndup((const char *)data, size);
	struct json_walk w = { .at = text };
	struct json_member m;
	json_t *tree;
	int r;

	while ((r = json_walk(&w, &m)) > 0) {
		json_t *value = json_loadb(m.value, m.value_len, JSON_DECODE_ANY, NULL);

		must(value, "a value is JSON by itself");
		json_decref(value);
	}
	tree = r == 0 ? json_loadb(text, (size_t)(w.at - text), 0, NULL) : NULL;
	must(r < 0 || json_is_object(tree), "the whole is an object");
	json_decref(tree);
	return 0;
}
