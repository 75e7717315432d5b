/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Links that are a module's own work and have no device: bonds, VLANs,
 * bridges, tunnels. The kernel counts no user for them; unloading the module
 * takes them away, up or not, with all that they carry.
 */
#include "hostprep/module_live.h"
#include <linux/ethtool.h>
#include <linux/if.h>
#include <linux/sockios.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

/* Where the driver's name is not the module's. */
static const struct {
	const char *driver, *module;
} others[] = {
	{ "802.1Q VLAN Support", "8021q" },
	{ "macvlan", "macvtap" },
	{ "ipvlan", "ipvtap" },
	{ "gre", "ip_gre" },
	{ "gretap", "ip_gre" },
	{ "erspan", "ip_gre" },
	{ "ip6gre", "ip6_gre" },
	{ "ip6gretap", "ip6_gre" },
	{ "ip6tnl", "ip6_tunnel" },
	{ "vti", "ip_vti" },
	{ "vti6", "ip6_vti" },
	{ "xfrm", "xfrm_interface" },
};

static bool is_of(const char *driver, const char *module)
{
	size_t i;

	for (i = 0; i < ARRAY_SIZE(others); i++)
		if (streq(others[i].driver, driver) && streq(others[i].module, module))
			return true;
	return streq(driver, module);
}

static bool is_up(struct host *h, const char *link)
{
	_cleanup_free_ char *path = xprintf("/sys/class/net/%s/flags", link), *flags = NULL;

	return file_read_line(h->root, path, &flags) >= 0 && (strtoul(flags, NULL, 0) & IFF_UP);
}

static bool driven_by(int sock, const char *link, const char *module)
{
	struct ethtool_drvinfo info = { .cmd = ETHTOOL_GDRVINFO };
	struct ifreq request = { .ifr_data = (void *)&info };

	if (strlen(link) >= sizeof(request.ifr_name))
		return false;
	memcpy(request.ifr_name, link, strlen(link) + 1);
	return ioctl(sock, SIOCETHTOOL, &request) == 0 && is_of(info.driver, module);
}

/* A card's link comes back with its driver; one of the module's own making is gone for good. */
static bool is_made(struct host *h, const char *link)
{
	_cleanup_free_ char *path = xprintf("/sys/class/net/%s/device", link);

	return !file_exists(h->root, path);
}

char *module_link(struct host *h, const char *module, bool for_reload)
{
	_cleanup_close_ int sock = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	_cleanup_free_ char **links = NULL;
	size_t n, i;

	if (sock < 0 || file_list(h->root, "/sys/class/net", &links, &n) < 0)
		return NULL;
	for (i = 0; i < n; i++)
		if ((is_up(h, links[i]) || (for_reload && is_made(h, links[i]))) &&
			driven_by(sock, links[i], module))
			return xstrdup(links[i]);
	return NULL;
}
