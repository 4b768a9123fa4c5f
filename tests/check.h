/* The C face of GoogleTest: tests are C, so that the API is compiled as its users compile it.

     TEST(memory, rounds_up) { EXPECT_EQ(align(3, 8), 8); }
     TEST_ON_DRIVERS(copy, round_trip) { ASSERT_OK(lazyi_device_open(env->device, &device)); ... }

   Every body receives `check_env *env`. EXPECT_x is an expression that yields whether it held; ASSERT_x also
   returns from the enclosing (void) function. The first operand is what was found, the second what was
   wanted. After each test the blocks of host memory must be as many as before it. */
#ifndef LAZYRT_TESTS_CHECK_H
#define LAZYRT_TESTS_CHECK_H

#include <lazyrt/status.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct check_env {
  const char *device; /* what lazyi_device_open and lazy_context_open take: "host", "fault", "cuda" */
  bool is_ptx;     /* the device is the cuda provider, with the emulator (tests/emulator) as its driver, or */
  bool is_gpu;     /* a real GPU */
  bool is_small;   /* big inputs are to be small ones: LAZYRT_TEST_SCALE, small for PTX and full else */
  uint64_t seed;   /* of this test: from LAZYRT_TEST_SEED (else a fixed number) and the test's name */
  uint64_t random; /* state of check_random */
} check_env;

/* The next 64 random bits of this test. */
uint64_t check_random(check_env *env);
/* Uniform in [0, bound), for a bound > 0. */
uint64_t check_random_below(check_env *env, uint64_t bound);
/* Uniform in [low, high], both included. */
int64_t check_random_between(check_env *env, int64_t low, int64_t high);
/* Uniform in [0, 1), with 53 random bits. */
double check_random_unit(check_env *env);
/* Fills memory with random bytes: inputs, or poison under an output. */
void check_random_fill(check_env *env, void *memory, size_t bytes);

/* A path for a file of this test, in a directory that is removed when the program ends. Valid until the test
 * ends. */
const char *check_path(check_env *env, const char *name);

/* ---- what the macros below and check_gtest.cc share ---- */

/* Where a test runs: once, on every provider of the driver table, on those that count and fail calls, or with
   every image of the kernels. */
enum check_places { CHECK_ONCE, CHECK_ON_DRIVERS, CHECK_ON_FAULTS, CHECK_ON_IMAGES };
typedef struct check_test {
  const char *suite, *name, *file;
  int line;
  enum check_places places;
  void (*body)(check_env *env);
  struct check_test *next;
} check_test;
void check_register(check_test *test);

typedef struct check_here {
  const char *file;
  int line;
} check_here;

enum check_kind { CHECK_INT, CHECK_UINT, CHECK_DOUBLE, CHECK_POINTER };
typedef struct check_value {
  enum check_kind kind;
  union {
    int64_t i;
    uint64_t u;
    double d;
    const void *p;
  } as;
} check_value;
enum check_order { CHECK_EQ, CHECK_NE, CHECK_LT, CHECK_LE, CHECK_GT, CHECK_GE };

bool check_compare(check_here here, enum check_order order, const char *found_text, const char *wanted_text,
                   check_value found, check_value wanted);
bool check_truth(check_here here, const char *text, bool found, bool wanted);
bool check_string(check_here here, const char *text, const char *found, const char *wanted, bool want_equal);
bool check_contains(check_here here, const char *text, const char *found, const char *fragment);
bool check_near(check_here here, const char *text, double found, double wanted, double tolerance);
/* A NULL fragment asks nothing of the message. */
bool check_status(check_here here, const char *text, lazy_status found, lazy_status wanted,
                  const char *fragment);
bool check_bytes(check_here here, const char *text, const void *found, const void *wanted, size_t bytes);
bool check_f32_near(check_here here, const char *text, const float *found, const float *wanted, size_t count,
                    double relative, double absolute);
bool check_f32_bits(check_here here, const char *text, const float *found, const float *wanted, size_t count);
bool check_i64_equal(check_here here, const char *text, const int64_t *found, const int64_t *wanted,
                     size_t count);
bool check_dims(check_here here, const char *text, const int64_t *found, int64_t found_rank,
                const int64_t *wanted, size_t wanted_rank);
void check_fail(check_here here, const char *format, ...) LAZY_PRINTF(2, 3);
void check_skip(check_here here, const char *why);
int check_case_enter(check_here here, const char *format, ...) LAZY_PRINTF(2, 3);
void check_case_leave(int *token);
/* Called when the running test's body is done, before it is seen what it left behind. */
void check_at_end(void (*function)(void));

#ifdef __cplusplus
}
#else

#define CHECK_HERE ((check_here){__FILE__, __LINE__})

static inline check_value check_of_int(int64_t value) { return (check_value){CHECK_INT, {.i = value}}; }
static inline check_value check_of_uint(uint64_t value) { return (check_value){CHECK_UINT, {.u = value}}; }
static inline check_value check_of_double(double value) { return (check_value){CHECK_DOUBLE, {.d = value}}; }
static inline check_value check_of_pointer(const void *value) {
  return (check_value){CHECK_POINTER, {.p = value}};
}
#define CHECK_OF(x)                            \
  _Generic((x), _Bool                          \
           : check_of_int, char                \
           : check_of_int, signed char         \
           : check_of_int, short               \
           : check_of_int, int                 \
           : check_of_int, long                \
           : check_of_int, long long           \
           : check_of_int, unsigned char       \
           : check_of_uint, unsigned short     \
           : check_of_uint, unsigned           \
           : check_of_uint, unsigned long      \
           : check_of_uint, unsigned long long \
           : check_of_uint, float              \
           : check_of_double, double           \
           : check_of_double, default          \
           : check_of_pointer)(x)

#define CHECK_DEFINE(suite_, name_, places_)                                                               \
  static void check_body_##suite_##_##name_(check_env *env);                                               \
  __attribute__((constructor)) static void check_link_##suite_##_##name_(void) {                           \
    static check_test test = {#suite_, #name_, __FILE__, __LINE__, places_, check_body_##suite_##_##name_, \
                              NULL};                                                                       \
    check_register(&test);                                                                                 \
  }                                                                                                        \
  static void check_body_##suite_##_##name_(__attribute__((unused)) check_env *env)

/* A test, run once with env->device "host". */
#define TEST(suite, name)            CHECK_DEFINE(suite, name, CHECK_ONCE)
/* A test of anything that reaches a device: name/host runs work as it comes, name/shuffled in a seeded order,
   name/fault behind the fault provider, and, where the build has PTX, name/ptx on the emulator; where asked
   (tests/check_gpu.h), name/gpu on a GPU, as of the next two. */
#define TEST_ON_DRIVERS(suite, name) CHECK_DEFINE(suite, name, CHECK_ON_DRIVERS)
/* A test that counts the driver's calls or makes them fail: name/fault and name/ptx, env->device being
   "fault" and "fault:cuda". */
#define TEST_ON_FAULTS(suite, name)  CHECK_DEFINE(suite, name, CHECK_ON_FAULTS)
/* A test of a kernel by itself (kernel_run.h): name/host for the host's images, name/ptx for PTX. */
#define TEST_ON_IMAGES(suite, name)  CHECK_DEFINE(suite, name, CHECK_ON_IMAGES)

#define EXPECT_EQ(a, b)                    check_compare(CHECK_HERE, CHECK_EQ, #a, #b, CHECK_OF(a), CHECK_OF(b))
#define EXPECT_NE(a, b)                    check_compare(CHECK_HERE, CHECK_NE, #a, #b, CHECK_OF(a), CHECK_OF(b))
#define EXPECT_LT(a, b)                    check_compare(CHECK_HERE, CHECK_LT, #a, #b, CHECK_OF(a), CHECK_OF(b))
#define EXPECT_LE(a, b)                    check_compare(CHECK_HERE, CHECK_LE, #a, #b, CHECK_OF(a), CHECK_OF(b))
#define EXPECT_GT(a, b)                    check_compare(CHECK_HERE, CHECK_GT, #a, #b, CHECK_OF(a), CHECK_OF(b))
#define EXPECT_GE(a, b)                    check_compare(CHECK_HERE, CHECK_GE, #a, #b, CHECK_OF(a), CHECK_OF(b))
#define EXPECT_TRUE(a)                     check_truth(CHECK_HERE, #a, (a) ? true : false, true)
#define EXPECT_FALSE(a)                    check_truth(CHECK_HERE, #a, (a) ? true : false, false)
/* Strings; either may be NULL, which equals only NULL. */
#define EXPECT_STREQ(a, b)                 check_string(CHECK_HERE, #a, (a), (b), true)
#define EXPECT_STRNE(a, b)                 check_string(CHECK_HERE, #a, (a), (b), false)
#define EXPECT_CONTAINS(text, fragment)    check_contains(CHECK_HERE, #text, (text), (fragment))
#define EXPECT_NEAR(a, b, tolerance)       check_near(CHECK_HERE, #a, (a), (b), (tolerance))
/* A lazy_status: OK (else the message is shown), a code, or a code and a piece of the message. */
#define EXPECT_OK(call)                    check_status(CHECK_HERE, #call, (call), LAZY_STATUS_OK, NULL)
#define EXPECT_STATUS(call, code)          check_status(CHECK_HERE, #call, (call), (code), NULL)
#define EXPECT_FAILS(call, code, fragment) check_status(CHECK_HERE, #call, (call), (code), (fragment))
#define EXPECT_BYTES_EQ(a, b, bytes)       check_bytes(CHECK_HERE, #a, (a), (b), (bytes))
/* Arrays: |a - b| <= absolute + relative |b|, and NaN equals NaN. Shows the first mismatches and the worst.
 */
#define EXPECT_F32_NEAR(a, b, count, relative, absolute) \
  check_f32_near(CHECK_HERE, #a, (a), (b), (count), (relative), (absolute))
/* Arrays of floats, bit for bit. */
#define EXPECT_F32_BITS_EQ(a, b, count) check_f32_bits(CHECK_HERE, #a, (a), (b), (count))
#define EXPECT_I64_EQ(a, b, count)      check_i64_equal(CHECK_HERE, #a, (a), (b), (count))
/* EXPECT_DIMS(shape.dims, shape.rank, 2, 3) */
#define EXPECT_DIMS(dims, rank, ...)                                      \
  check_dims(CHECK_HERE, #dims, (dims), (rank), (int64_t[]){__VA_ARGS__}, \
             sizeof((int64_t[]){__VA_ARGS__}) / sizeof(int64_t))

#define CHECK_OR_RETURN(held) \
  do {                        \
    if (!(held)) return;      \
  } while (0)
#define ASSERT_EQ(a, b)                    CHECK_OR_RETURN(EXPECT_EQ(a, b))
#define ASSERT_NE(a, b)                    CHECK_OR_RETURN(EXPECT_NE(a, b))
#define ASSERT_LT(a, b)                    CHECK_OR_RETURN(EXPECT_LT(a, b))
#define ASSERT_LE(a, b)                    CHECK_OR_RETURN(EXPECT_LE(a, b))
#define ASSERT_GT(a, b)                    CHECK_OR_RETURN(EXPECT_GT(a, b))
#define ASSERT_GE(a, b)                    CHECK_OR_RETURN(EXPECT_GE(a, b))
#define ASSERT_TRUE(a)                     CHECK_OR_RETURN(EXPECT_TRUE(a))
#define ASSERT_FALSE(a)                    CHECK_OR_RETURN(EXPECT_FALSE(a))
#define ASSERT_STREQ(a, b)                 CHECK_OR_RETURN(EXPECT_STREQ(a, b))
#define ASSERT_STRNE(a, b)                 CHECK_OR_RETURN(EXPECT_STRNE(a, b))
#define ASSERT_CONTAINS(text, fragment)    CHECK_OR_RETURN(EXPECT_CONTAINS(text, fragment))
#define ASSERT_NEAR(a, b, tolerance)       CHECK_OR_RETURN(EXPECT_NEAR(a, b, tolerance))
#define ASSERT_OK(call)                    CHECK_OR_RETURN(EXPECT_OK(call))
#define ASSERT_STATUS(call, code)          CHECK_OR_RETURN(EXPECT_STATUS(call, code))
#define ASSERT_FAILS(call, code, fragment) CHECK_OR_RETURN(EXPECT_FAILS(call, code, fragment))
#define ASSERT_BYTES_EQ(a, b, bytes)       CHECK_OR_RETURN(EXPECT_BYTES_EQ(a, b, bytes))
#define ASSERT_F32_NEAR(a, b, count, relative, absolute) \
  CHECK_OR_RETURN(EXPECT_F32_NEAR(a, b, count, relative, absolute))
#define ASSERT_F32_BITS_EQ(a, b, count) CHECK_OR_RETURN(EXPECT_F32_BITS_EQ(a, b, count))
#define ASSERT_I64_EQ(a, b, count)      CHECK_OR_RETURN(EXPECT_I64_EQ(a, b, count))
#define ASSERT_DIMS(dims, rank, ...)    CHECK_OR_RETURN(EXPECT_DIMS(dims, rank, __VA_ARGS__))

/* Fails the test with a message; goes on. */
#define FAIL(...)                       check_fail(CHECK_HERE, __VA_ARGS__)
/* Ends the test as skipped, and says why. */
#define SKIP(why)                  \
  do {                             \
    check_skip(CHECK_HERE, (why)); \
    return;                        \
  } while (0)

/* Until the end of the enclosing block, failures also show this text: for tables of cases. */
#define CHECK_CASE(...)          CHECK_CASE_AT(__LINE__, __VA_ARGS__)
#define CHECK_CASE_AT(line, ...) CHECK_CASE_NAMED(line, __VA_ARGS__)
#define CHECK_CASE_NAMED(line, ...)                                          \
  __attribute__((cleanup(check_case_leave), unused)) int check_case_##line = \
      check_case_enter(CHECK_HERE, __VA_ARGS__)

#endif /* __cplusplus */
#endif
