#include "runtime/shape/table.h"

#include "tests/check.h"
#include "tests/shape_model.h"

TEST(shape_table, evaluates_as_the_rules_say) {
  static model m;
  int failed = 0, codes = 0;
  for (int round = 0; round < 4000; round++) {
    CHECK_CASE("round %d", round);
    model_make(env, &m, 3, 12, 20);
    struct lazy_shape_error wanted = reference_walk(&m.table, m.shapes);
    struct lazy_shape_error found = lazyi_shape_table_evaluate(&m.table, (int32_t)m.table.nodes.count - 1);
    if (!EXPECT_SAME_ERROR(found, wanted)) break;
    failed += wanted.code != 0;
    codes |= 1 << wanted.code;
    struct lazy_shape_error again = lazyi_shape_table_evaluate(&m.table, (int32_t)m.table.nodes.count - 1);
    (void)EXPECT_SAME_ERROR(again, wanted);
    if (wanted.code != 0) continue;
    for (int32_t slot = 0; slot < (int32_t)m.table.known.count; slot++) {
      lazy_shape shape = {.rank = -1};
      EXPECT_EQ(lazyi_shape_table_get_row(&m.table, slot, &shape), m.shapes[slot].rank >= 0);
      if (!same_shape(&shape, m.shapes + slot)) FAIL("slot %d differs", slot);
    }
  }
  /* The inputs were worth it: every error of these rules came up, and so did many models without one. */
  EXPECT_GT(failed, 400);
  EXPECT_LT(failed, 3600);
  EXPECT_EQ(codes, 1 << LAZY_SHAPE_OK | 1 << LAZY_SHAPE_RANK_TOO_LOW | 1 << LAZY_SHAPE_DIM_MISMATCH |
                       1 << LAZY_SHAPE_PARAM_MISMATCH | 1 << LAZY_SHAPE_PARAM_RANK |
                       1 << LAZY_SHAPE_BROADCAST | 1 << LAZY_SHAPE_NEGATIVE | 1 << LAZY_SHAPE_OVERFLOW |
                       1 << LAZY_SHAPE_NO_SUCH_DIM | 1 << LAZY_SHAPE_UNSHAPED | 1 << LAZY_SHAPE_DIM_ORDER);
  lazyi_shape_table_deinit(&m.table);
}

TEST(shape_table, evaluates_step_by_step) {
  static model m;
  for (int round = 0; round < 200; round++) {
    model_make(env, &m, 3, 12, 5);
    struct lazy_shape_error wanted = reference_walk(&m.table, m.shapes), found = {0};
    for (int32_t n = 0; n < (int32_t)m.table.nodes.count; n++) {
      found = lazyi_shape_table_evaluate(&m.table, n);
      if (wanted.code == 0) EXPECT_EQ(m.table.evaluated, n + 1);
    }
    (void)EXPECT_SAME_ERROR(found, wanted);
  }
  lazyi_shape_table_deinit(&m.table);
}

TEST(shape_table, segments_as_told_again) {
  static model m;
  static struct lazy_init_segment found[MODEL_SLOTS], wanted[MODEL_SLOTS];
  int compared = 0, refused = 0;
  for (int round = 0; round < 20000; round++) {
    model_make(env, &m, 2, 10, 3);
    if (reference_walk(&m.table, m.shapes).code != 0) continue;
    (void)lazyi_shape_table_evaluate(&m.table, (int32_t)m.table.nodes.count - 1);
    struct lazy_infer_summary found_summary = {0}, wanted_summary;
    memset(found, 0xa5, sizeof found);
    bool fine = reference_segments(&m.table, m.shapes, wanted, &wanted_summary);
    lazy_status status = lazyi_shape_table_segments(&m.table, found, &found_summary);
    EXPECT_EQ(status == LAZY_STATUS_OK, fine);
    if (!fine) {
      refused++;
      continue;
    }
    compared++;
    EXPECT_BYTES_EQ(&found_summary, &wanted_summary, sizeof found_summary);
    EXPECT_BYTES_EQ(found, wanted, m.table.tickets.count * sizeof *found);
  }
  EXPECT_GT(compared, 500);
  EXPECT_GT(refused, 0);
  lazyi_shape_table_deinit(&m.table);
}

TEST(shape_table, bounds_in_pytorchs_order_of_operations) {
  lazyi_shape_table table = {0};
  int32_t weight;
  lazy_shape shape = {.rank = 2, .dims = {2, 3}};
  ASSERT_OK(lazyi_shape_table_add_row(&table, &shape, &weight));
  struct lazy_init_ticket ticket = {.slot = weight,
                                    .fan_slot = weight,
                                    .dtype = LAZY_DTYPE_F64,
                                    .rule = LAZY_INIT_UNIFORM,
                                    .scale = LAZY_SCALE_KAIMING_FAN_IN,
                                    .b = sqrt(2.0 / (1.0 + sqrt(5.0) * sqrt(5.0)))};
  EXPECT_OK(lazyi_shape_table_add_ticket(&table, &ticket));
  ticket.scale = LAZY_SCALE_RSQRT_FAN_IN;
  EXPECT_OK(lazyi_shape_table_add_ticket(&table, &ticket));
  struct lazy_init_segment segments[2];
  struct lazy_infer_summary summary;
  EXPECT_OK(lazyi_shape_table_segments(&table, segments, &summary));
  EXPECT_EQ(segments[0].b, 0.5773502691896257); /* one ulp below 1 / sqrt(3) */
  EXPECT_EQ(segments[1].b, 0.5773502691896258);
  EXPECT_EQ(segments[1].offset, 256);
  EXPECT_EQ(summary.extent_bytes, 512);
  EXPECT_EQ(summary.tile_count, 2);
  lazyi_shape_table_deinit(&table);
}

TEST(shape_table, refuses_what_is_no_shape_or_call) {
  lazyi_shape_table table = {0};
  int32_t slot = -7, node = -7;
  EXPECT_FAILS(lazyi_shape_table_add_row(&table, &(lazy_shape){.rank = 9}, &slot), LAZY_STATUS_LIMIT,
               "rank 9");
  EXPECT_FAILS(lazyi_shape_table_add_row(&table, &(lazy_shape){.rank = 1, .dims = {-4}}, &slot),
               LAZY_STATUS_SHAPE, "-4");
  EXPECT_FAILS(lazyi_shape_table_add_row(&table, &(lazy_shape){.rank = 1, .dims = {LAZY_DIM_LIMIT}}, &slot),
               LAZY_STATUS_LIMIT, "281474976710656");
  EXPECT_EQ(slot, -7);
  ASSERT_OK(lazyi_shape_table_add_row(&table, NULL, &slot));
  lazyi_shape_call call = {
      .rule = LAZY_RULE_SAME, .inputs = &slot, .outputs = &slot, .input_count = 2, .output_count = 1};
  EXPECT_STATUS(lazyi_shape_table_add_node(&table, &call, &node), LAZY_STATUS_INVALID_VALUE);
  int32_t missing = 1;
  call.input_count = 1;
  call.outputs = &missing;
  EXPECT_STATUS(lazyi_shape_table_add_node(&table, &call, &node), LAZY_STATUS_INVALID_VALUE);
  EXPECT_EQ(node, -7);
  lazy_shape shape = {.rank = 5};
  EXPECT_FALSE(lazyi_shape_table_get_row(&table, slot, &shape));
  EXPECT_EQ(shape.rank, 5);
  lazyi_shape_table_set_row(&table, slot, &(lazy_shape){.rank = 2, .dims = {3, 0}});
  EXPECT_TRUE(lazyi_shape_table_get_row(&table, slot, &shape));
  EXPECT_DIMS(shape.dims, shape.rank, 3, 0);
  lazyi_shape_table_deinit(&table);
}

TEST(shape_table, words_name_operand_found_and_wanted) {
  const char *names[] = {"input", "weight", "bias"};
  struct lazy_shape_error error = {
      .code = LAZY_SHAPE_DIM_MISMATCH, .operand = 0, .dim = 1, .found = 7, .wanted = 3};
  EXPECT_FAILS(lazyi_shape_error_fail(&error, names), LAZY_STATUS_SHAPE, "dimension 1 of input is 7");
  error = (struct lazy_shape_error){.code = LAZY_SHAPE_RANK_TOO_LOW, .operand = 0, .found = 0, .wanted = 1};
  EXPECT_FAILS(lazyi_shape_error_fail(&error, names), LAZY_STATUS_OUT_OF_RANGE, "input has rank 0");
  error = (struct lazy_shape_error){.code = LAZY_SHAPE_OVERFLOW, .operand = 1};
  EXPECT_FAILS(lazyi_shape_error_fail(&error, names), LAZY_STATUS_LIMIT, "weight");
  error = (struct lazy_shape_error){.code = LAZY_SHAPE_NO_SUCH_DIM, .operand = 0, .found = 4, .wanted = 3};
  EXPECT_FAILS(lazyi_shape_error_fail(&error, NULL), LAZY_STATUS_OUT_OF_RANGE,
               "no dimension 4; wanted -3 to 2");
  error = (struct lazy_shape_error){0};
  EXPECT_OK(lazyi_shape_error_fail(&error, NULL));
}
