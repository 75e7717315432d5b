/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The engine on toy kinds: planning, applying, releasing, failing, undoing, and being killed. */
#include "toy.h"
#include "base/tool.h"
#include "reconcile/confirm.h"
#include "reconcile/generation.h"
#include "reconcile/record.h"
#include "reconcile/undo.h"
#include <setjmp.h>
#include <stdarg.h>
#include <signal.h>
#include <sys/wait.h>
#include <cmocka.h>

static int setup(void **state _unused_)
{
	toy_begin();
	return 0;
}

static int teardown(void **state _unused_)
{
	toy_end();
	return 0;
}

static size_t planned(const char *yaml)
{
	_cleanup_config_ struct config c = { 0 };
	struct plan p;

	config_load_text(&c, "toy.yaml", yaml, strlen(yaml));
	assert_true(c.valid);
	assert_int_equal(plan_make(&toy.host, &c.wants, &p, NULL), 0);
	return p.n;
}

static const struct step *step_of(const struct toy_run *run, const char *id)
{
	for (size_t i = 0; i < run->outcome.n; i++)
		if (streq(run->outcome.steps[i]->r->id, id))
			return run->outcome.steps[i];
	return NULL;
}

static void has_error(const char *yaml, const char *text)
{
	_cleanup_config_ struct config c = { 0 };
	bool found = false;

	config_load_text(&c, "toy.yaml", yaml, strlen(yaml));
	assert_false(c.valid);
	for (size_t i = 0; i < c.diags.n; i++)
		found |= strstr(c.diags.v[i].text, text) != NULL;
	if (!found)
		fail_msg("no error says \"%s\"", text);
}

static void creates_and_then_has_nothing_to_do(void **state _unused_)
{
	static const char yaml[] = "version: 1\nthings: {a: {value: one}, b: {value: two}}\n"
				   "batches: {x: {value: three}, y: {value: four}}\n";
	_cleanup_toy_run_ struct toy_run run;

	assert_int_equal(planned(yaml), 4);
	toy_apply(&run, yaml, false);
	assert_int_equal(run.r, 0);
	assert_int_equal(run.outcome.done, 4);
	assert_string_equal(toy_value("thing", "a"), "one");
	assert_string_equal(toy_value("batch", "y"), "four");
	assert_int_equal(toy.batches, 1);
	assert_int_equal(planned(yaml), 0);
	assert_false(undo_pending(&toy.host));
}

static void releases_made_things_and_restores_adopted_ones(void **state _unused_)
{
	_cleanup_toy_run_ struct toy_run first, second;

	toy_put("thing", "old", "former");
	toy_put("thing", "foreign", "untouched");
	toy_apply(&first,
		"version: 1\nthings: {old: {value: new}, made: {value: x}, kept: {value: k}}\n",
		false);
	assert_int_equal(first.r, 0);
	assert_string_equal(toy_value("thing", "old"), "new");
	toy_apply(&second, "version: 1\nthings: {kept: {value: k}}\n", true);
	assert_int_equal(second.r, 0);
	assert_string_equal(toy_value("thing", "old"), "former");
	assert_string_equal(toy_value("thing", "made"), "");
	assert_string_equal(toy_value("thing", "kept"), "k");
	assert_string_equal(toy_value("thing", "foreign"), "untouched");
	assert_int_equal(step_of(&second, "thing/old")->verb, STEP_RESTORE);
	assert_int_equal(step_of(&second, "thing/made")->verb, STEP_REMOVE);
	assert_false(record_has(&toy.host, "thing/old"));
}

static void adopts_what_is_as_wanted(void **state _unused_)
{
	_cleanup_toy_run_ struct toy_run run;

	toy_put("thing", "a", "one");
	toy_apply(&run, "version: 1\nthings: {a: {value: one}}\n", false);
	assert_int_equal(run.r, 0);
	assert_int_equal(step_of(&run, "thing/a")->verb, STEP_ADOPT);
	assert_int_equal(planned("version: 1\nthings: {a: {value: one}}\n"), 0);
}

static void refuses_mass_removal(void **state _unused_)
{
	_cleanup_toy_run_ struct toy_run first, second, third;

	toy_apply(&first,
		"version: 1\nthings: {a: {value: 'a1'}, b: {value: b1}, c: {value: c1}}\n", false);
	toy_apply(&second, "version: 1\n", false);
	assert_int_equal(second.r, -EPERM);
	assert_true(second.outcome.refused);
	assert_string_equal(toy_value("thing", "a"), "a1");
	toy_apply(&third, "version: 1\n", true);
	assert_int_equal(third.r, 0);
	assert_string_equal(toy_value("thing", "a"), "");
}

static void a_failed_step_blocks_only_dependents(void **state _unused_)
{
	_cleanup_toy_run_ struct toy_run run;

	toy.fail_name = "bad";
	toy.fail_code = -EIO;
	toy.fail_times = 99;
	toy_apply(&run,
		"version: 1\nthings: {t: {value: v}}\n"
		"users: {bad: {value: v, needs: t}, good: {value: v, needs: t}}\n",
		false);
	assert_int_equal(run.r, -EIO);
	assert_int_equal(step_of(&run, "user/bad")->state, STEP_FAILED);
	assert_string_equal(step_of(&run, "user/bad")->error.text, "the toy breaks");
	assert_string_equal(toy_value("user", "good"), "v");
	assert_string_equal(toy_value("thing", "t"), "v");
}

static void a_failed_network_step_puts_all_of_them_back(void **state _unused_)
{
	static const char yaml[] =
		"version: 1\nthings: {a: {value: new}, b: {value: x}, z: {value: x}}\n"
		"users: {u: {value: v, needs: a}, free: {value: v}}\n";
	_cleanup_toy_run_ struct toy_run run, again;

	toy_put("thing", "a", "old");
	toy.fail_name = "z";
	toy.fail_code = -EIO;
	toy.fail_times = 1;
	toy_apply(&run, yaml, false);
	assert_int_equal(run.r, -EIO);
	assert_string_equal(toy_value("thing", "a"), "old");
	assert_string_equal(toy_value("thing", "b"), "");
	assert_int_equal(step_of(&run, "thing/a")->state, STEP_UNDONE);
	assert_int_equal(step_of(&run, "user/u")->state, STEP_BLOCKED);
	assert_string_equal(toy_value("user", "free"), "v");
	assert_string_equal(apply_held(&toy.host, NULL), run.config.hash);
	toy_apply(&again, yaml, false);
	assert_int_equal(again.r, 0);
	assert_null(apply_held(&toy.host, NULL));
	assert_string_equal(toy_value("thing", "z"), "x");
}

/* One cannot be put back, another is so each time anew: that ends. */
static void the_way_back_ends(void **state _unused_)
{
	static const char yaml[] = "version: 1\nthings: {a: {value: new}, z: {value: new}}\n";
	_cleanup_toy_run_ struct toy_run run;

	toy_put("thing", "a", "old");
	toy_put("thing", "z", "old");
	toy.restless = "a";
	toy.dark = "z";
	alarm(20);
	toy_apply(&run, yaml, false);
	alarm(0);
	assert_int_equal(run.r, -EIO);
	assert_non_null(strstr(run.error.text, "could not be put back whole"));
	assert_true(undo_pending(&toy.host));
}

static void a_held_document_is_not_tried_by_itself(void **state _unused_)
{
	static const char yaml[] = "version: 1\nthings: {a: {value: x}}\n";
	const struct converge_options o = { .try_held = false };
	_cleanup_toy_run_ struct toy_run run;
	_cleanup_outcome_ struct outcome out = { 0 };
	_cleanup_error_ struct error e = { 0 };

	toy.fail_name = "a";
	toy.fail_code = -EIO;
	toy.fail_times = 1;
	toy_apply(&run, yaml, false);
	/* Nothing was done before the failure, so nothing was put back and nothing is held. */
	assert_null(apply_held(&toy.host, NULL));
	toy.fail_name = "b";
	toy.fail_times = 1;
	toy_run_free(&run);
	toy_apply(&run, "version: 1\nthings: {a: {value: x}, b: {value: y}}\n", false);
	assert_non_null(apply_held(&toy.host, NULL));
	assert_int_equal(converge(&toy.host, &run.config, &o, &out, &e), -ECANCELED);
	assert_string_equal(toy_value("thing", "a"), "");
}

static int guard_begun, guard_asked, guard_ended;

static int guard_begin(
	struct host *h _unused_, const void *document, void **state, struct error *e _unused_)
{
	assert_non_null(document);
	assert_string_equal(toy_value("thing", "a"), "");
	guard_begun++;
	*state = &guard_begun;
	return 0;
}

static int guard_still(struct host *h _unused_, void *state, struct error *e)
{
	assert_ptr_equal(state, &guard_begun);
	assert_string_equal(toy_value("thing", "a"), "x");
	guard_asked++;
	return error_set(e, -EHOSTUNREACH, "nobody answers");
}

static void guard_end(void *state _unused_)
{
	guard_ended++;
}

static void what_cuts_the_host_off_is_put_back_and_held(void **state _unused_)
{
	static const struct guard guard = { guard_begin, guard_still, guard_end };
	const char *reason = NULL;
	_cleanup_toy_run_ struct toy_run run;

	toy.guard = &guard;
	toy_apply(&run, "version: 1\nthings: {a: {value: x}}\nbatches: {q: {value: y}}\n", false);
	assert_int_equal(run.r, -EIO);
	assert_int_equal(guard_begun, 1);
	assert_int_equal(guard_asked, 1);
	assert_int_equal(guard_ended, 1);
	assert_string_equal(toy_value("thing", "a"), "");
	assert_string_equal(step_of(&run, "thing/a")->error.text, "nobody answers");
	assert_false(undo_pending(&toy.host));
	/* What is no matter of the network stays. */
	assert_string_equal(toy_value("batch", "q"), "y");
	assert_non_null(apply_held(&toy.host, &reason));
	assert_string_equal(reason, "thing/a: nobody answers");
	assert_null(generation_current(&toy.host));
}

static void a_moved_world_is_planned_again(void **state _unused_)
{
	_cleanup_toy_run_ struct toy_run run;

	toy.fail_name = "a";
	toy.fail_code = -EEXIST;
	toy.fail_times = 2;
	toy_apply(&run, "version: 1\nthings: {a: {value: x}}\nbatches: {q: {value: y}}\n", false);
	assert_int_equal(run.r, 0);
	assert_string_equal(toy_value("thing", "a"), "x");
}

/* Nor is it a failure to those who need it. */
static void what_needs_a_moved_world_waits_for_it(void **state _unused_)
{
	_cleanup_toy_run_ struct toy_run run;

	toy.fail_name = "q";
	toy.fail_code = -ENOENT;
	toy.fail_times = 2;
	toy_apply(&run, "version: 1\nthings: {q: {value: x}}\nusers: {u: {value: y, needs: q}}\n",
		false);
	assert_int_equal(run.r, 0);
	assert_string_equal(toy.told, "");
	assert_string_equal(toy_value("user", "u"), "y");
}

static void a_world_that_keeps_moving_is_told_once(void **state _unused_)
{
	_cleanup_toy_run_ struct toy_run run;

	toy.fail_name = "a";
	toy.fail_code = -ENOENT;
	toy.fail_times = 99;
	toy_apply(&run, "version: 1\nthings: {a: {value: x}}\nusers: {u: {value: y, needs: a}}\n",
		false);
	assert_int_equal(run.r, -EIO);
	assert_string_equal(toy.told, "thing/a: the toy breaks\n");
	assert_int_equal(step_of(&run, "user/u")->state, STEP_BLOCKED);
}

static void a_world_that_keeps_moving_fails(void **state _unused_)
{
	_cleanup_toy_run_ struct toy_run run;

	toy.fail_name = "a";
	toy.fail_code = -EEXIST;
	toy.fail_times = 99;
	toy_apply(&run, "version: 1\nthings: {a: {value: x}}\n", false);
	assert_int_equal(run.r, -EIO);
	assert_int_equal(99 - toy.fail_times, APPLY_ROUNDS);
	assert_string_equal(step_of(&run, "thing/a")->error.text, "the toy breaks");
	assert_false(undo_pending(&toy.host));
}

/* Also when its step was done before, in the same run. */
static void what_cannot_be_read_back_is_told_once(void **state _unused_)
{
	_cleanup_toy_run_ struct toy_run run;

	toy.dark = "a";
	toy_apply(&run, "version: 1\nbatches: {a: {value: x}}\n", false);
	assert_int_equal(run.r, -EIO);
	assert_string_equal(toy.told, "batch/a: the light went out\n");
}

static void users_go_before_what_they_use(void **state _unused_)
{
	_cleanup_toy_run_ struct toy_run first, second;
	size_t user = 0, thing = 0;

	toy_apply(&first,
		"version: 1\nthings: {t: {value: v}, k: {value: v}, l: {value: v}}\n"
		"users: {u: {value: v, needs: t}}\n",
		false);
	assert_int_equal(first.r, 0);
	toy_apply(&second, "version: 1\nthings: {k: {value: v}, l: {value: v}}\n", false);
	assert_int_equal(second.r, 0);
	for (size_t i = 0; i < second.outcome.n; i++) {
		if (streq(second.outcome.steps[i]->r->id, "user/u"))
			user = i;
		if (streq(second.outcome.steps[i]->r->id, "thing/t"))
			thing = i;
	}
	assert_true(user < thing);
}

static void what_is_in_use_waits_for_its_user(void **state _unused_)
{
	static const char both[] = "version: 1\nthings: {a: {value: one}, b: {value: two}}\n"
				   "users: {u: {value: three, needs: a}}\n";
	static const char user[] = "version: 1\nthings: {b: {value: two}}\n"
				   "users: {u: {value: three, needs: b}}\n";
	_cleanup_toy_run_ struct toy_run one, two, three, four;

	toy.busy = "a";
	toy_apply(&one, both, false);
	toy_apply(&two, user, false);
	assert_int_equal(two.r, 0);
	assert_int_equal(step_of(&two, "thing/a")->state, STEP_WAITING);
	assert_string_equal(step_of(&two, "thing/a")->wait, "its user");
	assert_string_equal(toy_value("thing", "a"), "one");
	/* The user's own step frees it in the same run. */
	toy_apply(&three, both, false);
	toy_apply(&four, "version: 1\nthings: {b: {value: two}}\n", true);
	assert_int_equal(four.r, 0);
	assert_int_equal(step_of(&four, "thing/a")->state, STEP_DONE);
	assert_string_equal(toy_value("thing", "a"), "");
}

static void set_boot(const char *id)
{
	file_mkdirs(toy.host.root, "/proc/sys/kernel/random", 0755);
	file_write_atomic(toy.host.root, "/proc/sys/kernel/random/boot_id", id, strlen(id), 0644);
}

static uint64_t later(void)
{
	return UINT64_C(4000000000);
}

/* A network that was made right may bring the first answer of a time server. */
static void a_clock_that_jumps_ends_no_time_to_confirm(void **state _unused_)
{
	static const char yaml[] = "version: 1\nthings: {a: {value: one}}\n";
	const struct apply_options o = { .document_hash = "abc", .confirm_seconds = 600 };
	_cleanup_config_ struct config c = { 0 };
	_cleanup_outcome_ struct outcome out = { 0 };
	_cleanup_error_ struct error e = { 0 };

	set_boot("first");
	config_load_text(&c, "toy.yaml", yaml, strlen(yaml));
	assert_int_equal(apply(&toy.host, &c.wants, &o, &out, &e), 0);
	toy.host.now = later;
	assert_int_equal(confirm_recover(&toy.host, &e), -EBUSY);
	error_clear(&e);
	toy.host.uptime = later;
	/* Somebody else's -EBUSY is not that one, or it would be tried again at once, for ever. */
	toy.fail_name = "a";
	toy.fail_code = -EBUSY;
	toy.fail_times = 8;
	assert_int_equal(confirm_recover(&toy.host, &e), -EIO);
	assert_int_equal(e.code, -EIO);
	error_clear(&e);
	toy.fail_name = NULL;
	assert_int_equal(confirm_recover(&toy.host, &e), 1);
	assert_string_equal(toy_value("thing", "a"), "");
}

static void who_was_to_confirm_is_gone_after_a_reboot(void **state _unused_)
{
	static const char yaml[] = "version: 1\nthings: {a: {value: one}}\n";
	const struct apply_options o = { .document_hash = "abc", .confirm_seconds = 600 };
	_cleanup_config_ struct config c = { 0 };
	_cleanup_outcome_ struct outcome out = { 0 };
	_cleanup_error_ struct error e = { 0 };
	const char *reason;

	set_boot("first");
	config_load_text(&c, "toy.yaml", yaml, strlen(yaml));
	assert_int_equal(apply(&toy.host, &c.wants, &o, &out, &e), 0);
	assert_string_equal(toy_value("thing", "a"), "one");
	assert_int_equal(confirm_recover(&toy.host, &e), -EBUSY);
	error_clear(&e);
	set_boot("second");
	assert_true(confirm_recover(&toy.host, &e) >= 0);
	assert_string_equal(toy_value("thing", "a"), "");
	assert_string_equal(apply_held(&toy.host, &reason), "abc");
	assert_string_equal(reason, "the machine was rebooted before anybody confirmed it");
}

static void finds_what_contradicts_itself(void **state _unused_)
{
	has_error("version: 1\nusers: {u: {value: v, needs: nothing}}\n",
		"there is no thing `nothing`");
	has_error("version: 1\nthings: {a: {value: v, needs: b}, b: {value: v, needs: a}}\n",
		"wait for each other");
	has_error("version: 1\nthings: {a: {value: v, needs: a}}\n", "names itself");
	has_error("version: 1\nthings: {a: {value: v, name_of: n}, b: {value: v, name_of: n}}\n",
		"is claimed by thing/a and by thing/b");
	/* All errors of one run: a typo in one entry does not hide a dangling name in another. */
	has_error("version: 1\nthings: {a: {valu: v}}\nusers: {u: {value: v, needs: x}}\n",
		"there is no thing `x`");
}

static void an_invalid_entry_is_not_dangling(void **state _unused_)
{
	static const char yaml[] =
		"version: 1\nthings: {a: {valu: v}}\nusers: {u: {value: v, needs: a}}\n";
	_cleanup_config_ struct config c = { 0 };

	config_load_text(&c, "toy.yaml", yaml, strlen(yaml));
	for (size_t i = 0; i < c.diags.n; i++)
		assert_null(strstr(c.diags.v[i].text, "there is no thing"));
}

/* Killed at every single step, in every order of kinds: the next run ends where an unharmed one
 * does. */
static void killed_anywhere_the_next_run_converges(void **state _unused_)
{
	static const char yaml[] =
		"version: 1\nthings: {a: {value: new}, b: {value: x}, c: {value: y, needs: b}}\n"
		"users: {u: {value: v, needs: a}}\nbatches: {q: {value: w}, r: {value: w}}\n";
	int status, die_at;

	for (die_at = 1; die_at < 20; die_at++) {
		_cleanup_toy_run_ struct toy_run run, gone;
		pid_t pid;

		toy_put("thing", "a", "old");
		toy_put("thing", "foreign", "untouched");
		pid = fork();
		if (pid == 0) {
			toy.die_at = die_at;
			toy.applied = 0;
			toy_apply(&run, yaml, false);
			_exit(0);
		}
		waitpid(pid, &status, 0);
		toy_apply(&run, yaml, false);
		assert_int_equal(run.r, 0);
		assert_string_equal(toy_value("thing", "a"), "new");
		assert_string_equal(toy_value("thing", "c"), "y");
		assert_string_equal(toy_value("user", "u"), "v");
		assert_int_equal(planned(yaml), 0);
		toy_apply(&gone, "version: 1\n", true);
		assert_int_equal(gone.r, 0);
		assert_string_equal(toy_value("thing", "a"), "old");
		assert_string_equal(toy_value("thing", "b"), "");
		assert_string_equal(toy_value("thing", "foreign"), "untouched");
		if (WEXITSTATUS(status) == 0)
			break;
	}
	assert_in_range(die_at, 6, 10);
}

static void a_damaged_record_stops_everything(void **state _unused_)
{
	_cleanup_toy_run_ struct toy_run run;

	file_write_atomic(toy.host.root, STATE_DIR "/record.json", "{\"format\"", 9, 0600);
	toy_apply(&run, "version: 1\nthings: {a: {value: x}}\n", false);
	assert_int_equal(run.r, -EBADMSG);
	assert_string_equal(toy_value("thing", "a"), "");
	assert_non_null(run.error.cure);
}

/* Its cure must not be that of a damaged one, which loses what everything was before. */
static void what_another_version_wrote_is_told(void **state _unused_)
{
	static const struct {
		const char *path, *text;
	} files[] = {
		{ STATE_DIR "/record.json", "{\"format\": 2, \"resources\": {}}\n" },
		{ STATE_DIR "/record.json", "{\"format\": 7, \"kinds\": [{\"a\": 1}]}\n" },
		{ STATE_DIR "/undo.json", "{\"format\": 2, \"changes\": {}}\n" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(files); i++) {
		_cleanup_toy_run_ struct toy_run run;
		_cleanup_free_ char *after = NULL;

		file_write_atomic(
			toy.host.root, files[i].path, files[i].text, strlen(files[i].text), 0600);
		host_idle(&toy.host);
		toy_apply(&run, "version: 1\nthings: {a: {value: x}}\n", false);
		assert_int_equal(run.r, -EPROTONOSUPPORT);
		assert_non_null(strstr(run.error.text, "is of another version of kvmhost"));
		assert_non_null(strstr(run.error.cure, "or a newer one"));
		assert_string_equal(toy_value("thing", "a"), "");
		assert_int_equal(file_read(toy.host.root, files[i].path, 1 << 20, &after, NULL), 0);
		assert_string_equal(after, files[i].text);
		file_remove(toy.host.root, files[i].path);
	}
}

/* Valid JSON of another shape is not an empty log, which would be removed and told as put back. */
static void a_damaged_undo_log_stops_everything(void **state _unused_)
{
	static const char *const logs[] = {
		"",
		"{\"format\": 1, \"steps\": [",
		"{}",
		"[]",
		"{\"steps\": []}",
		"{\"format\": \"1\", \"steps\": []}",
		"{\"format\": 1}",
		"{\"format\": 1, \"steps\": {}}",
		"{\"format\": 1, \"steps\": [null]}",
		"{\"format\": 1, \"steps\": [{\"id\": \"thing/a\", \"name\": \"a\", \"before\": "
		"null}]}",
		"{\"format\": 1, \"steps\": [{\"id\": \"thing/a\", \"kind\": \"thing\", "
		"\"before\": null}]}",
		"{\"format\": 1, \"steps\": [{\"kind\": \"thing\", \"name\": \"a\", \"before\": "
		"null}]}",
		"{\"format\": 1, \"steps\": [{\"id\": \"thing/a\", \"kind\": \"thing\", \"name\": "
		"\"a\"}]}",
		"{\"format\": 1, \"steps\": [{\"id\": \"thing/a\", \"kind\": 3, \"name\": \"a\", "
		"\"before\": {}}]}",
		"{\"format\": 1, \"steps\": [{\"id\": \"thing/a\", \"kind\": \"thing\", \"name\": "
		"\"a\", \"before\": 3}]}",
	};

	for (size_t i = 0; i < ARRAY_SIZE(logs); i++) {
		_cleanup_toy_run_ struct toy_run run;
		_cleanup_free_ char *after = NULL;

		file_write_atomic(
			toy.host.root, STATE_DIR "/undo.json", logs[i], strlen(logs[i]), 0600);
		host_idle(&toy.host);
		toy_apply(&run, "version: 1\nthings: {a: {value: x}}\n", false);
		assert_int_equal(run.r, -EBADMSG);
		assert_non_null(strstr(run.error.text, "the undo log"));
		assert_non_null(strstr(run.error.text, "is damaged: "));
		assert_non_null(strstr(run.error.cure, "remove the file"));
		assert_string_equal(toy_value("thing", "a"), "");
		assert_int_equal(
			file_read(toy.host.root, STATE_DIR "/undo.json", 1 << 20, &after, NULL), 0);
		assert_string_equal(after, logs[i]);
		file_remove(toy.host.root, STATE_DIR "/undo.json");
	}
}

/* Where each resource of the record begins, in the text on disk. */
static char *record_on_disk(void)
{
	char *text = NULL;

	assert_int_equal(
		file_read(toy.host.root, STATE_DIR "/record.json", 1 << 20, &text, NULL), 0);
	return text;
}

/*
 * As older versions wrote it, on one line; by hand, with blanks, what is no ASCII and an id twice,
 * of which the last one counts; and nothing of a resource that is not touched is lost.
 */
static void a_record_is_read_however_it_was_written(void **state _unused_)
{
	static const char *const records[] = {
		"{\"format\":1,\"resources\":{\"thing/a\":{\"before\":{\"value\":\"old\"},"
		"\"after\":[]},\"thing/b\":{\"before\":null,\"after\":[],\"kept\":"
		"{\"n\":-7}}},\"held\":{\"reason\":\"r\"}}",
		"{\"format\":1,\"held\":{\"reason\":\"r\"},\"resources\":{\n"
		"\"thing/a\":{\"before\":{\"value\":\"old\"},\"after\":[]},\n"
		"\"thing/b\":{\"before\":null,\"after\":[],\"kept\":{\"n\":-7}}\n}}\n",
		"{ \"resources\": {\n  \"thing/a\": 3, \"thing\\/b\": {\"before\": null,\n"
		"\"kept\": {\"n\": -7, \"x\": \"\xc3\xbc\\u00fc\", \"y\": 1.5}},\n"
		"\"thing/a\": {\"before\": {\"value\": \"old\"}}},\n"
		"\"held\": {\"reason\": \"r\"}, \"format\": 1 }\n\n",
	};

	for (size_t i = 0; i < ARRAY_SIZE(records); i++) {
		_cleanup_toy_run_ struct toy_run run, gone;
		_cleanup_free_ char *text = NULL;
		size_t at = 0, n = 0;

		host_idle(&toy.host);
		toy_put("thing", "a", "x");
		toy_put("thing", "b", "y");
		file_write_atomic(toy.host.root, STATE_DIR "/record.json", records[i],
			strlen(records[i]), 0600);
		assert_int_equal(record_load(&toy.host, NULL), 0);
		while (record_next(&toy.host, &at))
			n++;
		assert_int_equal(n, 2);
		assert_true(record_has(&toy.host, "thing/a"));
		assert_false(record_made(&toy.host, "thing/a"));
		assert_true(record_made(&toy.host, "thing/b"));
		assert_string_equal(
			json_string_value(json_object_get(
				json_object_get(toy.host.record->root, "held"), "reason")),
			"r");

		toy_apply(&run, "version: 1\nthings: {b: {value: y}, c: {value: z}}\n", true);
		assert_int_equal(run.r, 0);
		assert_string_equal(toy_value("thing", "a"), "old");
		text = record_on_disk();
		assert_null(strstr(text, "thing/a"));
		assert_non_null(strstr(text, "\n\"thing/b\":{"));
		assert_non_null(strstr(text, "\n\"thing/c\":{\"before\":null,"));
		host_idle(&toy.host);
		assert_int_equal(record_load(&toy.host, NULL), 0);
		assert_int_equal(
			json_integer_value(json_object_get(record_kept(&toy.host, "thing/b"), "n")),
			-7);
		assert_int_equal(
			planned("version: 1\nthings: {b: {value: y}, c: {value: z}}\n"), 0);
		toy_apply(&gone, "version: 1\n", true);
		assert_int_equal(gone.r, 0);
		assert_string_equal(toy_value("thing", "b"), "");
	}
}

/* Cut anywhere it is told, not taken for a shorter one; and nothing is written over it. */
static void a_cut_record_is_told(void **state _unused_)
{
	_cleanup_toy_run_ struct toy_run run;
	_cleanup_free_ char *text = NULL;
	size_t len;

	toy_apply(&run, "version: 1\nthings: {a: {value: x}, b: {value: y}}\n", false);
	assert_int_equal(run.r, 0);
	text = record_on_disk();
	len = strlen(text);
	assert_int_equal(text[len - 1], '\n');
	for (size_t n = 0; n < len - 1; n++) {
		_cleanup_toy_run_ struct toy_run again;
		_cleanup_free_ char *now = NULL;

		file_write_atomic(toy.host.root, STATE_DIR "/record.json", text, n, 0600);
		host_idle(&toy.host);
		toy_apply(&again, "version: 1\nthings: {a: {value: z}}\n", true);
		assert_int_equal(again.r, -EBADMSG);
		assert_string_equal(toy_value("thing", "a"), "x");
		now = record_on_disk();
		assert_int_equal(strlen(now), n);
	}
}

/* A former value that cannot be read back must not be lost in silence. */
static void a_record_that_does_not_fit_its_kind_is_told(void **state _unused_)
{
	static const char *const entries[] = {
		"{\"before\": {\"value\": \"\"}}",
		"{\"before\": 3}",
		"{}",
	};

	for (size_t i = 0; i < ARRAY_SIZE(entries); i++) {
		_cleanup_free_ char *record =
			xprintf("{\"format\": 1, \"resources\": {\"thing/a\": %s}}", entries[i]);
		_cleanup_toy_run_ struct toy_run run;

		toy_put("thing", "a", "x");
		file_write_atomic(
			toy.host.root, STATE_DIR "/record.json", record, strlen(record), 0600);
		toy_apply(&run, "version: 1\n", true);
		assert_int_equal(run.r, -EIO);
		assert_non_null(
			strstr(step_of(&run, "thing/a")->error.text, "cannot be read back"));
		assert_string_equal(toy_value("thing", "a"), "x");
	}
}

#define TEST(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)

/* Killed in the middle of grub-mkconfig, say: the next one must not run a second beside it. */
static void what_a_killed_one_was_running_keeps_the_lock(void **state _unused_)
{
	_cleanup_error_ struct error e = { 0 };
	_cleanup_free_ char *path = NULL,
			    *script = xprintf("echo $$ >%s/tool; exec sleep 60", toy.dir);
	pid_t killed = fork();

	if (killed == 0) {
		host_lock(&toy.host, 0, NULL);
		tool_run((char *const[]){ "/bin/sh", "-c", script, NULL }, toy.host.lock, NULL);
		_exit(1);
	}
	for (int i = 0; i < 1000 && file_read_line(toy.host.root, "tool", &path) < 0; i++)
		usleep(10 * 1000);
	kill(killed, SIGKILL);
	waitpid(killed, NULL, 0);
	assert_non_null(path);
	assert_int_equal(host_lock(&toy.host, 0, &e), -EBUSY);
	assert_non_null(strstr(e.text, "was killed while it changed this host"));
	assert_int_equal(kill(atoi(path), SIGKILL), 0);
	assert_int_equal(host_lock(&toy.host, 10, NULL), 0);
}

/* What a program leaves behind when it has ended holds nobody up: neither by its pipe nor by the
 * lock. */
static void what_a_tool_leaves_behind_holds_nobody_up(void **state _unused_)
{
	_cleanup_free_ char *left = NULL;
	_cleanup_host_ struct host other;

	assert_int_equal(host_open(&other, toy.dir, NULL), 0);
	assert_int_equal(host_lock(&toy.host, 0, NULL), 0);
	alarm(20); /* it has the pipe, too */
	assert_int_equal(
		tool_read((char *const[]){ "/bin/sh", "-c", "sleep 60 & echo $!; seq 20000", NULL },
			toy.host.lock, &left, NULL),
		0);
	alarm(0);
	assert_true(endswith(left, "\n20000\n"));
	assert_int_equal(host_lock(&other, 0, NULL), -EBUSY);
	host_unlock(&toy.host);
	assert_int_equal(host_lock(&other, 0, NULL), 0);
	assert_int_equal(kill(atoi(left), SIGKILL), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(creates_and_then_has_nothing_to_do),
		TEST(releases_made_things_and_restores_adopted_ones),
		TEST(adopts_what_is_as_wanted),
		TEST(refuses_mass_removal),
		TEST(a_failed_step_blocks_only_dependents),
		TEST(a_failed_network_step_puts_all_of_them_back),
		TEST(the_way_back_ends),
		TEST(a_held_document_is_not_tried_by_itself),
		TEST(what_cuts_the_host_off_is_put_back_and_held),
		TEST(a_moved_world_is_planned_again),
		TEST(what_a_killed_one_was_running_keeps_the_lock),
		TEST(what_a_tool_leaves_behind_holds_nobody_up),
		TEST(what_needs_a_moved_world_waits_for_it),
		TEST(a_world_that_keeps_moving_is_told_once),
		TEST(a_world_that_keeps_moving_fails),
		TEST(what_cannot_be_read_back_is_told_once),
		TEST(users_go_before_what_they_use),
		TEST(what_is_in_use_waits_for_its_user),
		TEST(a_clock_that_jumps_ends_no_time_to_confirm),
		TEST(who_was_to_confirm_is_gone_after_a_reboot),
		TEST(finds_what_contradicts_itself),
		TEST(an_invalid_entry_is_not_dangling),
		TEST(killed_anywhere_the_next_run_converges),
		TEST(a_damaged_record_stops_everything),
		TEST(what_another_version_wrote_is_told),
		TEST(a_damaged_undo_log_stops_everything),
		TEST(a_record_is_read_however_it_was_written),
		TEST(a_cut_record_is_told),
		TEST(a_record_that_does_not_fit_its_kind_is_told),
	};

	return cmocka_run_group_tests_name("engine", tests, NULL, NULL);
}
