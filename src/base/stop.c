/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "base/stop.h"
#include <signal.h>
#include <stdbool.h>
#include <stddef.h>

static const int signals[] = { SIGTERM, SIGINT };
enum { N_SIGNALS = sizeof(signals) / sizeof(signals[0]) };

static bool obeyed;

void stop_defer(void)
{
	sigset_t set;

	sigemptyset(&set);
	for (size_t i = 0; i < N_SIGNALS; i++)
		sigaddset(&set, signals[i]);
	pthread_sigmask(SIG_BLOCK, &set, NULL);
}

int stop_asked(void)
{
	sigset_t pending;

	if (obeyed || sigpending(&pending) < 0)
		return 0;
	for (size_t i = 0; i < N_SIGNALS; i++)
		if (sigismember(&pending, signals[i]))
			return signals[i];
	return 0;
}

int stop_obey(void)
{
	int signal = stop_asked();

	obeyed = signal != 0;
	return signal;
}

const char *stop_name(int signal)
{
	return signal == SIGINT ? "SIGINT" : "SIGTERM";
}
