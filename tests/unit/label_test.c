// SPDX-License-Identifier: BSD-3-Clause
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>

#include "metric/label.h"

#define LABEL_LEN_MAX (LABEL_VALUE_SIZE - 1)
#define BAD	      "\xef\xbf\xbd"

static void expect(const char *value, const char *rendered)
{
	char clean[LABEL_VALUE_SIZE];
	struct buf b = { 0 };

	label_clean(clean, value);
	label_add(&b, "n", clean);
	assert_string_equal(buf_cstr(&b), rendered);
	buf_release(&b);
}

static void labels_are_separated_by_commas(void **state)
{
	struct buf b = { 0 };

	(void)state;
	label_add(&b, "service", "nginx.service");
	label_add(&b, "syscall", "read");
	assert_string_equal(buf_cstr(&b), "service=\"nginx.service\",syscall=\"read\"");
	buf_release(&b);
}

static void specials_are_escaped(void **state)
{
	(void)state;
	expect("", "n=\"\"");
	expect("a\\b", "n=\"a\\\\b\"");
	expect("say \"hi\"", "n=\"say \\\"hi\\\"\"");
	expect("two\nlines", "n=\"two\\nlines\"");
	expect("tab\tcr\rbell\a\x7f", "n=\"tab\tcr\rbell\a\x7f\"");
}

static void valid_utf8_passes(void **state)
{
	(void)state;
	expect("é€😀", "n=\"é€😀\"");
	expect("\xc2\x80\xdf\xbf", "n=\"\xc2\x80\xdf\xbf\"");
	expect("\xe0\xa0\x80\xed\x9f\xbf\xee\x80\x80",
	       "n=\"\xe0\xa0\x80\xed\x9f\xbf\xee\x80\x80\"");
	expect("\xf0\x90\x80\x80\xf4\x8f\xbf\xbf", "n=\"\xf0\x90\x80\x80\xf4\x8f\xbf\xbf\"");
}

static void each_bad_byte_is_replaced(void **state)
{
	(void)state;
	expect("a\xff"
	       "b",
	       "n=\"a" BAD "b\"");
	expect("\x80", "n=\"" BAD "\"");
	expect("\xc0\xaf", "n=\"" BAD BAD "\"");		 /* overlong slash */
	expect("\xe0\x9f\xbf", "n=\"" BAD BAD BAD "\"");	 /* overlong U+07FF */
	expect("\xed\xa0\x80", "n=\"" BAD BAD BAD "\"");	 /* surrogate */
	expect("\xf4\x90\x80\x80", "n=\"" BAD BAD BAD BAD "\""); /* U+110000 */
	expect("\xe2\x82", "n=\"" BAD BAD "\"");		 /* cut off by the end */
	expect("\xe2\x82\"", "n=\"" BAD BAD "\\\"\"");		 /* cut off by a quote */
}

static void long_values_are_cut_between_characters(void **state)
{
	char value[600], rendered[600];

	(void)state;
	memset(value, 'x', sizeof(value));
	value[sizeof(value) - 1] = '\0';
	memcpy(rendered, "n=\"", 3);
	memset(rendered + 3, 'x', LABEL_LEN_MAX);
	strcpy(rendered + 3 + LABEL_LEN_MAX, "\"");
	expect(value, rendered);

	memcpy(value + LABEL_LEN_MAX - 1, "é", 2);
	strcpy(rendered + 3 + LABEL_LEN_MAX - 1, "\"");
	expect(value, rendered);
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(labels_are_separated_by_commas),
	cmocka_unit_test(specials_are_escaped),
	cmocka_unit_test(valid_utf8_passes),
	cmocka_unit_test(each_bad_byte_is_replaced),
	cmocka_unit_test(long_values_are_cut_between_characters),
};

int main(void)
{
	return cmocka_run_group_tests_name("label", tests, NULL, NULL);
}
