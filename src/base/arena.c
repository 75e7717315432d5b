/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "base/arena.h"
#include <sys/mman.h>

#if defined(__SANITIZE_ADDRESS__)
#define ARENA_POISON 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define ARENA_POISON 1
#endif
#endif

#ifdef ARENA_POISON
#include <sanitizer/asan_interface.h>
/* Bytes left poisoned after each piece, so that a sanitizer sees an overrun. */
#define GUARD 16
#define poison(p, n) __asan_poison_memory_region((p), (n))
#define unpoison(p, n) __asan_unpoison_memory_region((p), (n))
#else
#define GUARD 0
#define poison(p, n) ((void)0)
#define unpoison(p, n) ((void)0)
#endif

enum {
	CHUNK_MIN = 256 << 10,
	CHUNK_MAX = 1 << 20,
	ALIGN = 16,
	/*
	 * An array of so many bytes has a chunk with room to grow, which is no memory until then:
	 * copying a large one costs its memory twice.
	 */
	ARRAY_ROOMY = 8 << 10,
	ARRAY_ROOM = 4 << 20,
};

struct chunk {
	struct chunk *next;
	size_t size, used;
	_Alignas(ALIGN) unsigned char data[];
};

struct arena {
	struct chunk *chunks;
	size_t used, next_size;
};

static _Noreturn void out_of_memory(void)
{
	static const char text[] = "out of memory\n";

	if (write(STDERR_FILENO, text, sizeof(text) - 1) < 0)
		_exit(71);
	_exit(71);
}

void *xcalloc(size_t n, size_t size)
{
	void *p = calloc(n, size);

	if (!p)
		out_of_memory();
	return p;
}

/*
 * Straight from the kernel: it is zeroed, and is no memory where nothing was written. For a
 * sanitizer from the heap, so that it finds what only an arena points to.
 */
static void *map_chunk(size_t size)
{
#ifdef ARENA_POISON
	return xcalloc(1, size);
#else
	void *p = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (p == MAP_FAILED)
		out_of_memory();
	return p;
#endif
}

static void unmap_chunk(void *p, size_t size _unused_)
{
#ifdef ARENA_POISON
	free(p);
#else
	munmap(p, size);
#endif
}

struct arena *arena_new(void)
{
	struct arena *a = xcalloc(1, sizeof(*a));

	a->next_size = CHUNK_MIN;
	return a;
}

void arena_free(struct arena *a)
{
	struct chunk *c, *next;

	if (!a)
		return;
	for (c = a->chunks; c; c = next) {
		next = c->next;
		unpoison(c->data, c->size);
		unmap_chunk(c, sizeof(*c) + c->size);
	}
	free(a);
}

void arena_absorb(struct arena *a, struct arena *from)
{
	struct chunk **end = &a->chunks;

	while (*end)
		end = &(*end)->next;
	*end = from->chunks;
	a->used += from->used;
	free(from);
}

/* A large piece gets a chunk of its own behind the current one, which stays in use. */
static struct chunk *add_chunk(struct arena *a, size_t need)
{
	bool own = need > a->next_size / 4;
	size_t size = own ? need : a->next_size;
	struct chunk *c = map_chunk(sizeof(*c) + size);

	c->size = size;
	poison(c->data, size);
	if (own && a->chunks) {
		c->next = a->chunks->next;
		a->chunks->next = c;
	} else {
		c->next = a->chunks;
		a->chunks = c;
	}
	if (!own && a->next_size < CHUNK_MAX)
		a->next_size *= 2;
	return c;
}

/* What a piece takes of its chunk. */
static size_t room_for(size_t size)
{
	if (size > SIZE_MAX / 8)
		out_of_memory();
	return (MAX_OF(size, (size_t)1) + GUARD + ALIGN - 1) / ALIGN * ALIGN;
}

static void *take(struct arena *a, struct chunk *c, size_t size)
{
	void *p = c->data + c->used;

	c->used += room_for(size);
	a->used += room_for(size);
	unpoison(p, size);
	return p;
}

void *arena_alloc(struct arena *a, size_t size)
{
	struct chunk *c = a->chunks;
	size_t need = room_for(size);

	if (!c || c->size - c->used < need)
		c = add_chunk(a, need);
	return take(a, c, size);
}

char *arena_strndup(struct arena *a, const char *s, size_t n)
{
	size_t len = strnlen(s, n);
	char *p = arena_alloc(a, len + 1);

	memcpy(p, s, len);
	return p;
}

char *arena_strdup(struct arena *a, const char *s)
{
	return arena_strndup(a, s, strlen(s));
}

char *arena_join(struct arena *a, const char *x, char between, const char *y)
{
	size_t n = strlen(x), m = strlen(y);
	char *p = arena_alloc(a, n + 1 + m + 1);

	memcpy(p, x, n + 1);
	p[n] = between;
	memcpy(p + n + 1, y, m + 1);
	return p;
}

char *arena_vprintf(struct arena *a, const char *fmt, va_list ap)
{
	char short_one[128], *p;
	va_list again;
	int n;

	va_copy(again, ap);
	n = vsnprintf(short_one, sizeof(short_one), fmt, again);
	va_end(again);
	if (n < 0)
		out_of_memory();
	p = arena_alloc(a, (size_t)n + 1);
	if ((size_t)n < sizeof(short_one))
		memcpy(p, short_one, (size_t)n);
	else
		vsnprintf(p, (size_t)n + 1, fmt, ap);
	return p;
}

char *arena_printf(struct arena *a, const char *fmt, ...)
{
	va_list ap;
	char *p;

	va_start(ap, fmt);
	p = arena_vprintf(a, fmt, ap);
	va_end(ap);
	return p;
}

size_t arena_used(const struct arena *a)
{
	return a->used;
}

/* The array is alone in its chunk, and there is room for `bytes` of it. */
static bool grow_in_place(struct arena *a, const void *array, size_t had, size_t bytes)
{
	for (struct chunk *c = a->chunks; c; c = c->next) {
		if ((const void *)c->data != array)
			continue;
		if (c->used != room_for(had) || c->size < room_for(bytes))
			return false;
		c->used = 0;
		a->used -= room_for(had);
		take(a, c, bytes);
		return true;
	}
	return false;
}

static void *alloc_array(struct arena *a, size_t bytes)
{
	if (bytes < ARRAY_ROOMY)
		return arena_alloc(a, bytes);
	return take(a, add_chunk(a, MAX_OF(room_for(bytes) * 4, (size_t)ARRAY_ROOM)), bytes);
}

void *arena_grow(struct arena *a, void *v, size_t n, size_t size)
{
	void **array = v;
	size_t bytes;

	if ((n & (n - 1)) == 0) {
		void *grown;

		if (__builtin_mul_overflow(n ? 2 * n : 1, size, &bytes))
			out_of_memory();
		if (n * size >= ARRAY_ROOMY && grow_in_place(a, *array, n * size, bytes))
			return (unsigned char *)*array + n * size;
		grown = alloc_array(a, bytes);
		if (n)
			memcpy(grown, *array, n * size);
		*array = grown;
	}
	return (unsigned char *)*array + n * size;
}

void *xmalloc(size_t size)
{
	void *p = malloc(MAX_OF(size, (size_t)1));

	if (!p)
		out_of_memory();
	return p;
}

void *xrealloc(void *p, size_t size)
{
	p = realloc(p, MAX_OF(size, (size_t)1));
	if (!p)
		out_of_memory();
	return p;
}

char *xstrdup(const char *s)
{
	size_t n = strlen(s) + 1;

	return memcpy(xmalloc(n), s, n);
}

char *xprintf(const char *fmt, ...)
{
	va_list ap;
	char *p;
	int n;

	va_start(ap, fmt);
	n = vasprintf(&p, fmt, ap);
	va_end(ap);
	if (n < 0)
		out_of_memory();
	return p;
}
