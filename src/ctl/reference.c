/* SPDX-License-Identifier: GPL-2.0-or-later */
/* kvmhostctl explain and schema */
#include "config/reference.h"
#include "ctl/ctl.h"

int verb_explain(struct ctl *c, int argc, char **argv)
{
	_cleanup_strbuf_ struct strbuf out = { 0 };
	_cleanup_error_ struct error e = { 0 };

	if (c->list)
		reference_keys(&document_table, &out);
	else if (reference_explain(&document_table, argc ? argv[0] : NULL, c->color, &out, &e) < 0)
		return ctl_fail(c, &e);
	fputs(sb_str(&out), stdout);
	return 0;
}

int verb_schema(struct ctl *c, int argc _unused_, char **argv _unused_)
{
	_cleanup_strbuf_ struct strbuf out = { 0 };

	if (c->man)
		reference_man(&document_table, &out);
	else
		reference_schema(&document_table, &out);
	fputs(sb_str(&out), stdout);
	return 0;
}
