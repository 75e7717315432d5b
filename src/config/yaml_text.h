/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Writing YAML. */
#ifndef KVMHOST_YAML_TEXT_H
#define KVMHOST_YAML_TEXT_H

#include "base/strbuf.h"

/* Text as it may stand after `key:` or inside [ ] and { }: quoted where it would not stay text. */
void yaml_add_string(struct strbuf *out, const char *text);

#endif
