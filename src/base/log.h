/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Log lines go to stderr. Under systemd (JOURNAL_STREAM set) each begins with
 * "<N>", the syslog level that journald reads (sd-daemon(3)); on a terminal
 * with the program's name.
 */
#ifndef KVMHOST_LOG_H
#define KVMHOST_LOG_H

#include "base/util.h"
#include "base/error.h"
#include <syslog.h>

/*
 * The first call of a program. A standard descriptor that is closed becomes one that can be neither
 * read nor written: the next file opened would get its number, and what is meant for people.
 */
void log_setup(const char *program, int max_level);
void log_at(int level, const char *fmt, ...) _printf_(2, 3);

#define log_error(...) log_at(LOG_ERR, __VA_ARGS__)
#define log_warning(...) log_at(LOG_WARNING, __VA_ARGS__)
#define log_notice(...) log_at(LOG_NOTICE, __VA_ARGS__)
#define log_info(...) log_at(LOG_INFO, __VA_ARGS__)
#define log_debug(...) log_at(LOG_DEBUG, __VA_ARGS__)

/* Logs the error's text and cure on one line at LOG_ERR; returns its code. */
int log_failure(const struct error *e);

#endif
