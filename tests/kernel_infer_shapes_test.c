/* infer_shapes: every level, PTX, every order, against the host's walk of the same table. */
#include "tests/kernel_run.h"
#include "tests/shape_model.h"

/* Every level of the host, or PTX. */
static int level_count(const check_env *env) { return env->is_ptx ? 1 : kernel_level_count(); }
static kernel_way way_of(const check_env *env, int level, uint32_t blocks, int round) {
  return (kernel_way){env->is_ptx ? KERNEL_PTX : level, blocks, (enum lazyi_host_order)(round % 3)};
}

/* What of a table the kernel reads. */
static void lend_table(const lazyi_shape_table *table) {
  kernel_ptx_lend(table->nodes.at, table->nodes.count * sizeof *table->nodes.at);
  kernel_ptx_lend(table->operands.at, table->operands.count * sizeof *table->operands.at);
  kernel_ptx_lend(table->attributes.at, table->attributes.count * sizeof *table->attributes.at);
  kernel_ptx_lend(table->tickets.at, table->tickets.count * sizeof *table->tickets.at);
}
static void take_table_back(const lazyi_shape_table *table) {
  kernel_ptx_take_back(table->nodes.at);
  kernel_ptx_take_back(table->operands.at);
  kernel_ptx_take_back(table->attributes.at);
  kernel_ptx_take_back(table->tickets.at);
}

TEST_ON_IMAGES(kernel_infer_shapes, one_set_equals_the_hosts_walk) {
  static model m;
  static struct lazy_init_segment wanted[MODEL_SLOTS];
  const size_t found_bytes = MODEL_SLOTS * sizeof(struct lazy_init_segment);
  struct lazy_init_segment *found = kernel_alloc(found_bytes);
  int64_t *rows = kernel_alloc(MODEL_SLOTS * LAZY_ROW * sizeof *rows);
  struct lazy_shape_error *error = kernel_alloc(sizeof *error);
  struct lazy_infer_summary *summary = kernel_alloc(sizeof *summary);
  for (int level = 0; level < level_count(env); level++) {
    for (int round = 0; round < (env->is_small ? 100 : 600); round++) {
      CHECK_CASE("level %d round %d", level, round);
      model_make(env, &m, 2, 14, 8);
      memcpy(rows, m.table.rows.at, m.table.rows.count * sizeof *rows);
      memset(found, 0xa5, found_bytes);
      struct lazy_infer_summary wanted_summary = {0};
      check_random_fill(env, error, sizeof *error);
      check_random_fill(env, summary, sizeof *summary);
      const struct lazy_k_infer_shapes_params params = {.nodes = (uintptr_t)m.table.nodes.at,
                                                        .operands = (uintptr_t)m.table.operands.at,
                                                        .attributes = (uintptr_t)m.table.attributes.at,
                                                        .rows = (uintptr_t)rows,
                                                        .errors = (uintptr_t)error,
                                                        .tickets = (uintptr_t)m.table.tickets.at,
                                                        .segments = (uintptr_t)found,
                                                        .summary = (uintptr_t)summary,
                                                        .stride = 1,
                                                        .node_count = (int32_t)m.table.nodes.count,
                                                        .set_count = 1,
                                                        .ticket_count = (int32_t)m.table.tickets.count};
      lend_table(&m.table);
      kernel_run(way_of(env, level, 1, round), "lazy_k_infer_shapes", &params, check_random(env));
      take_table_back(&m.table);
      struct lazy_shape_error wanted_error = lazyi_shape_table_evaluate(&m.table, params.node_count - 1);
      if (wanted_error.code != 0) {
        (void)EXPECT_SAME_ERROR(*error, wanted_error);
      } else if (lazyi_shape_table_segments(&m.table, wanted, &wanted_summary) == LAZY_STATUS_OK) {
        EXPECT_EQ(error->code, 0);
        EXPECT_BYTES_EQ(rows, m.table.rows.at, m.table.rows.count * sizeof *rows);
        EXPECT_BYTES_EQ(found, wanted, m.table.tickets.count * sizeof *found);
        EXPECT_BYTES_EQ(summary, &wanted_summary, sizeof *summary);
      } else {
        EXPECT_NE(error->code, 0);
        EXPECT_EQ(error->node, -1);
        EXPECT_LT(error->operand, params.ticket_count);
      }
    }
  }
  kernel_free(found);
  kernel_free(rows);
  kernel_free(error);
  kernel_free(summary);
  lazyi_shape_table_deinit(&m.table);
}

TEST_ON_IMAGES(kernel_infer_shapes, many_sets_equal_one_by_one) {
  enum { SETS = 700, STRIDE = 768 };
  static model m;
  static lazy_shape shapes[MODEL_SLOTS];
  int bad = 0;
  for (int level = 0; level < level_count(env); level++) {
    for (int round = 0; round < 6; round++) {
      model_make(env, &m, 2, 10, 3);
      size_t slots = m.table.known.count;
      int64_t *rows = kernel_alloc(slots * LAZY_ROW * STRIDE * sizeof *rows);
      struct lazy_shape_error *errors = kernel_alloc(SETS * sizeof *errors);
      lazy_shape(*inputs)[2] = lazyi_memory_alloc(SETS * sizeof *inputs);
      ASSERT_TRUE(rows != NULL && errors != NULL && inputs != NULL);
      check_random_fill(env, errors, SETS * sizeof *errors);
      for (int set = 0; set < SETS; set++)
        for (size_t slot = 0; slot < slots; slot++) {
          lazy_shape shape = m.shapes[slot];
          if (slot < 2) shape = inputs[set][slot] = random_shape(env, 4);
          for (int i = 0; i < LAZY_ROW_DIMS; i++)
            rows[(slot * LAZY_ROW + (size_t)i) * STRIDE + (size_t)set] =
                i < LAZY_ROW_DIMS - shape.rank || shape.rank < 0 ? 1
                                                                 : shape.dims[i - LAZY_ROW_DIMS + shape.rank];
          rows[(slot * LAZY_ROW + LAZY_ROW_RANK) * STRIDE + (size_t)set] = shape.rank;
        }
      const struct lazy_k_infer_shapes_params params = {.nodes = (uintptr_t)m.table.nodes.at,
                                                        .operands = (uintptr_t)m.table.operands.at,
                                                        .attributes = (uintptr_t)m.table.attributes.at,
                                                        .rows = (uintptr_t)rows,
                                                        .errors = (uintptr_t)errors,
                                                        .stride = STRIDE,
                                                        .node_count = (int32_t)m.table.nodes.count,
                                                        .set_count = SETS};
      lend_table(&m.table);
      kernel_run(way_of(env, level, 1 + (uint32_t)round % 3, round), "lazy_k_infer_shapes", &params,
                 check_random(env));
      take_table_back(&m.table);
      for (int set = 0; set < SETS; set++) {
        memcpy(shapes, m.shapes, sizeof shapes);
        shapes[0] = inputs[set][0];
        shapes[1] = inputs[set][1];
        struct lazy_shape_error wanted = reference_walk(&m.table, shapes);
        bad += wanted.code != 0;
        if (!EXPECT_SAME_ERROR(errors[set], wanted)) break;
        for (size_t slot = 0; slot < slots && wanted.code == 0; slot++) {
          const int64_t *row = rows + slot * LAZY_ROW * STRIDE + set;
          bool equal = row[LAZY_ROW_RANK * STRIDE] == shapes[slot].rank;
          for (int32_t d = 0; equal && d < shapes[slot].rank; d++)
            equal = row[(LAZY_ROW_DIMS - shapes[slot].rank + d) * STRIDE] == shapes[slot].dims[d];
          if (!equal) FAIL("set %d slot %zu differs", set, slot);
        }
      }
      kernel_free(rows);
      kernel_free(errors);
      lazyi_memory_free(inputs);
    }
  }
  EXPECT_GT(bad, 0);
  lazyi_shape_table_deinit(&m.table);
}
