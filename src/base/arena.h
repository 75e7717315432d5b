/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * An arena owns everything that lives as long as one document or one pass of
 * the engine: nodes, wants, haves, the plan. Nothing in it is freed alone;
 * arena_free() ends them together. Memory comes zeroed.
 *
 * Out of memory ends the process (exit status 71): a reconciler that cannot
 * allocate must not go on with half a plan, and every write it makes to disk
 * is atomic, so the next run finishes or puts back.
 */
#ifndef KVMHOST_ARENA_H
#define KVMHOST_ARENA_H

#include "base/util.h"
#include <stdarg.h>

struct arena;

struct arena *arena_new(void);
void arena_free(struct arena *a);
static inline void arena_free_p(struct arena **a)
{
	arena_free(*a);
}
/* What is in `from`, which ends, lives as long as a from now on. */
void arena_absorb(struct arena *a, struct arena *from);
#define _cleanup_arena_ _cleanup_(arena_free_p)

/* Aligned for any object; zeroed; never NULL. */
void *arena_alloc(struct arena *a, size_t size) __attribute__((malloc, alloc_size(2)));
char *arena_strdup(struct arena *a, const char *s);
char *arena_strndup(struct arena *a, const char *s, size_t n);
/* "x/y": of ids and keys there are thousands. */
char *arena_join(struct arena *a, const char *x, char between, const char *y);
char *arena_printf(struct arena *a, const char *fmt, ...) _printf_(2, 3);
char *arena_vprintf(struct arena *a, const char *fmt, va_list ap) _printf_(2, 0);

/* Bytes handed out so far, for limits. */
size_t arena_used(const struct arena *a);

/*
 * Room for one more element in an array of `n` elements of `size` bytes kept in
 * the arena: grows *v when n is 0 or a power of two (the old copy stays in the
 * arena until its end) and returns a pointer to the zeroed element n.
 */
void *arena_grow(struct arena *a, void *v, size_t n, size_t size);
#define ARENA_PUSH(a, v, n) ((typeof(&(v)[0]))arena_grow((a), &(v), (n)++, sizeof((v)[0])))

/* malloc family that ends the process instead of returning NULL. */
void *xmalloc(size_t size) __attribute__((malloc));
void *xcalloc(size_t n, size_t size) __attribute__((malloc));
void *xrealloc(void *p, size_t size);
char *xstrdup(const char *s) __attribute__((malloc));
char *xprintf(const char *fmt, ...) _printf_(1, 2);

#endif
