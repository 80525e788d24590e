/*
 * How the sanitizers speak in a monitor, whose standard error nobody reads: a file for each process that has something to
 * say, and no search for leaks, which needs ptrace(2).
 */
const char *__asan_default_options(void);
const char *__ubsan_default_options(void);

#define OPTIONS "abort_on_error=1:detect_leaks=0:print_stacktrace=1:log_path=" REPORTS

const char *__asan_default_options(void)
{
	return OPTIONS;
}

const char *__ubsan_default_options(void)
{
	return OPTIONS;
}
