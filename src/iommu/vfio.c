/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "iommu/vfio.h"
#include "iommu/vfio_holder.h"
#include <assert.h>

#define PROBE "/sys/bus/pci/drivers_probe"

bool vfio_bound(const struct pci_device *d)
{
	return d->driver && streq(d->driver, VFIO_DRIVER) && d->driver_override &&
	       streq(d->driver_override, VFIO_DRIVER);
}

bool vfio_begun(const struct pci_device *d)
{
	return (d->driver && streq(d->driver, VFIO_DRIVER)) ||
	       (d->driver_override && streq(d->driver_override, VFIO_DRIVER));
}

static int gone(const char *address, struct error *e)
{
	return error_set(e, -ENOENT, "the device %s is gone", address);
}

/* As it is now: what the pass saw is out of date after each write. */
static int look(struct host *h, const char *address, const struct pci_device **d, struct error *e)
{
	struct pci *p;
	int r;

	pci_forget(h);
	r = pci_get(h, &p, e);
	if (r < 0)
		return r;
	*d = pci_find(p, address);
	return *d ? 0 : gone(address, e);
}

static int override(struct host *h, const struct pci_device *d, const char *driver, struct error *e)
{
	/* The file takes a line; an empty one clears it. */
	_cleanup_free_ char *line = xprintf("%s\n", driver);
	int r = pci_write(h, d, "driver_override", line);

	if (r == -ENOENT)
		return gone(d->address, e);
	return r < 0 ? error_set(e, r, "cannot set driver_override of %s: %s", d->address,
			       strerror(-r))
		     : 0;
}

static int detach(struct host *h, const struct pci_device *d, struct error *e)
{
	int r = d->driver ? pci_write(h, d, "driver/unbind", d->address) : 0;

	/* It lost its driver meanwhile, which is as well. */
	if (r == -ENOENT || r == -ENODEV)
		return 0;
	return r < 0 ? error_set(e, r, "the driver %s does not let go of %s: %s", d->driver,
			       d->address, strerror(-r))
		     : 0;
}

/* Its answer says little: a driver that refuses is seen by what is bound afterwards. */
static int probe(struct host *h, const char *address, const struct pci_device **d, struct error *e)
{
	(void)file_poke(h->root, PROBE, address);
	return look(h, address, d, e);
}

static int not_taken(const struct pci_device *d, const char *driver, struct error *e)
{
	error_set(e, -EIO, "the driver %s does not take %s%s%s", driver, d->address,
		d->driver ? ", which now has " : "", d->driver ? d->driver : "");
	return error_cure(e, "see what the kernel says: dmesg | grep %s", d->address);
}

static int take(struct host *h, const struct pci_device *d, struct error *e)
{
	int r = override(h, d, VFIO_DRIVER, e);

	if (r >= 0 && d->driver && !streq(d->driver, VFIO_DRIVER))
		r = detach(h, d, e);
	if (r >= 0)
		r = probe(h, d->address, &d, e);
	if (r < 0)
		return r;
	return vfio_bound(d) ? 0 : not_taken(d, VFIO_DRIVER, e);
}

static int untake(struct host *h, const char *address, const struct vfio_before *before,
	const struct pci_device **d, struct error *e)
{
	int r = look(h, address, d, e);

	assert(r < 0 || *d);
	if (r >= 0)
		r = override(h, *d, before->override ? before->override : "", e);
	if (r >= 0 && before->driver && !(*d)->driver)
		r = probe(h, address, d, e);
	if (r >= 0 && before->driver && !streq_null(before->driver, (*d)->driver))
		r = not_taken(*d, before->driver, e);
	return r;
}

/* The host would be without its card, for a guest that did not get it. */
static int put_back(
	struct host *h, const char *address, const struct vfio_before *before, struct error *e)
{
	_cleanup_free_ char *cure = e && e->cure ? xstrdup(e->cure) : NULL;
	_cleanup_error_ struct error why = { 0 };
	const struct pci_device *d;
	int code = e ? e->code : -EIO, r = untake(h, address, before, &d, &why);

	if (!e || r == -ENOENT)
		return code;
	if (r < 0)
		error_set(e, code, "%s, and is not put back: %s", e->text, why.text);
	else if (d->driver)
		error_set(e, code, "%s; %s has it again", e->text, d->driver);
	return cure ? error_cure(e, "%s", cure) : code;
}

int vfio_bind(
	struct host *h, const char *address, const struct vfio_before *before, struct error *e)
{
	struct vfio_before now = *before;
	const struct pci_device *d;
	int r = look(h, address, &d, e);

	if (r < 0)
		return r;
	if (!vfio_begun(d))
		now = (struct vfio_before){ d->driver, d->driver_override };
	else if (d->driver)
		now.driver = d->driver;
	r = take(h, d, e);
	if (r >= 0 || (d->driver && streq(d->driver, VFIO_DRIVER)))
		return r;
	return put_back(h, address, &now, e);
}

static bool is_loaded(struct host *h, const char *driver)
{
	_cleanup_free_ char *path = xprintf("/sys/bus/pci/drivers/%s", driver);

	return file_exists(h->root, path);
}

static int held(const struct pci_device *d, const char *holder, struct error *e)
{
	error_set(e, -EBUSY, "the device %s is in use by %s", d->address, holder);
	return error_cure(e, "stop that first");
}

int vfio_unbind(
	struct host *h, const char *address, const struct vfio_before *before, struct error *e)
{
	const char *former = before->driver;
	const struct vfio_holder *holder;
	const struct pci_device *d;
	int r = look(h, address, &d, e);

	if (r < 0)
		return r;
	vfio_holders_forget(h);
	holder = vfio_holder(h, d);
	if (holder)
		return held(d, holder->words, e);
	r = override(h, d, before->override ? before->override : "", e);
	if (r >= 0 && d->driver && streq(d->driver, VFIO_DRIVER))
		r = detach(h, d, e);
	if (r < 0)
		return r;
	/* What a guest left in it; a function that cannot be reset alone has no such file. */
	if (!d->driver || streq(d->driver, VFIO_DRIVER))
		(void)pci_write(h, d, "reset", "1");
	if (former)
		r = probe(h, address, &d, e);
	if (r < 0 || !former || streq_null(former, d->driver))
		return r < 0 ? r : 0;
	/* Its module was unloaded meanwhile, and takes the function when it is loaded again. */
	return d->driver || is_loaded(h, former) ? not_taken(d, former, e) : 0;
}

/* kernfs never gives an inode number twice in a boot. */
const char *pci_object(struct host *h, const char *address)
{
	_cleanup_free_ char *path = xprintf("/sys/bus/pci/devices/%s", address),
			    *boot = host_boot_id(h);
	struct stat st;

	if (!boot || file_stat(h->root, path, &st) < 0)
		return NULL;
	return arena_printf(h->pass, "%s:%llu", boot, (unsigned long long)st.st_ino);
}
