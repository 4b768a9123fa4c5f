/* Every shape of a recorded graph in one launch, for one shape set or for many: a thread walks one set's
   nodes.

   With one set the launch is one block, which then turns the init tickets into segments: sizes and bounds by
   all threads, places by a prefix sum in ticket order. */
#include "kernels/kernel.cuh"
#include "kernels/segment_rules.h"

/* Sets of a tile: a thread each on the GPU; on the host few enough for their live rows to stay in cache. */
#ifdef __CUDACC__
#define TILE_SETS LAZY_BLOCK
#else
#define TILE_SETS 64
#endif

LAZY_INLINE struct lazy_rule_call call_of(const struct lazy_k_infer_shapes_params *p,
                                          const struct lazy_shape_node *node) {
  struct lazy_rule_call call;
  call.node = node;
  call.operands = LAZY_AT(const int32_t, p->operands) + node->operands;
  call.attributes = LAZY_AT(const int64_t, p->attributes) + node->attributes;
  call.rows = LAZY_AT(int64_t, p->rows);
  call.stride = p->stride;
  call.error = LAZY_AT(struct lazy_shape_error, p->errors);
  return call;
}

LAZY_INLINE void clear_error(struct lazy_shape_error *error) {
  error->code = LAZY_SHAPE_OK;
  error->node = error->operand = error->dim = 0;
  error->found = error->wanted = 0;
}

#ifndef __CUDACC__
LAZY_INLINE void walk_set(const struct lazy_rule_call *node_call, int32_t rule, int32_t n, uint64_t set) {
  struct lazy_rule_call call = *node_call;
  call.rows += set;
  call.error += set;
  if (call.error->code == LAZY_SHAPE_OK && lazy_shape_rule_run_as(&call, rule) != LAZY_SHAPE_OK)
    call.error->node = n;
}

/* One node for the sets of a tile. With a `rule` that the compiler knows, one tight loop for each. */
LAZY_INLINE void walk_sets(const struct lazy_rule_call *call, int32_t rule, int32_t n, uint64_t first,
                           uint64_t count, const lazyi_host_block *block) {
  const bool forward = block->order == LAZYI_HOST_ORDER_FORWARD;
  for (uint64_t i = 0; i < count; i++)
    walk_set(call, rule, n, first + (forward ? i : lazy_host_step(block, i, count, 1)));
}

/* The rule `given`: whole rows, the same for every set. */
LAZY_INLINE void fill_sets(const struct lazy_rule_call *call, uint64_t first, uint64_t count) {
  for (int32_t i = 0; i < call->node->attribute_count; i++) {
    int64_t *to = rule_output(call, i / LAZY_ROW) + (i % LAZY_ROW) * call->stride + first;
    const int64_t value = call->attributes[i];
    for (uint64_t set = 0; set < count; set++) to[set] = value;
  }
}
#endif

LAZY_KERNEL_OF_FEW_BLOCKS(lazy_k_infer_shapes) {
  const struct lazy_shape_node *nodes = LAZY_AT(const struct lazy_shape_node, p.nodes);
  struct lazy_shape_error *errors = LAZY_AT(struct lazy_shape_error, p.errors);
  const uint64_t sets = (uint64_t)p.set_count;
  LAZY_EACH_TILE(tile, (sets + TILE_SETS - 1) / TILE_SETS) {
#ifdef __CUDACC__
    LAZY_EACH_THREAD (t) {
      const uint64_t set = tile * TILE_SETS + t;
      if (set < sets) {
        clear_error(errors + set);
        int32_t code = LAZY_SHAPE_OK;
        for (int32_t n = 0; n < p.node_count && code == LAZY_SHAPE_OK; n++) {
          const struct lazy_shape_node node = nodes[n];
          struct lazy_rule_call call = call_of(&p, &node);
          call.rows += set;
          call.error += set;
          code = lazy_shape_rule_run(&call);
          if (code != LAZY_SHAPE_OK) call.error->node = n;
        }
      }
    }
#else
    /* Nodes outside, sets inside: a node is decoded once per tile, and the rows of a tile stay in cache. */
    const uint64_t first = tile * TILE_SETS, count = sets - first < TILE_SETS ? sets - first : TILE_SETS;
    for (uint64_t i = 0; i < count; i++) clear_error(errors + first + i);
    for (int32_t n = 0; n < p.node_count; n++) {
      const struct lazy_shape_node node = nodes[n];
      const struct lazy_rule_call call = call_of(&p, &node);
      switch (node.rule) {
        case LAZY_RULE_GIVEN: fill_sets(&call, first, count); break;
        case LAZY_RULE_SAME: walk_sets(&call, LAZY_RULE_SAME, n, first, count, lazy_block); break;
        case LAZY_RULE_LINEAR: walk_sets(&call, LAZY_RULE_LINEAR, n, first, count, lazy_block); break;
        case LAZY_RULE_TALLY: walk_sets(&call, LAZY_RULE_TALLY, n, first, count, lazy_block); break;
        default: walk_sets(&call, node.rule, n, first, count, lazy_block); break;
      }
    }
#endif
  }
  if (p.summary != 0) {
    const struct lazy_init_ticket *tickets = LAZY_AT(const struct lazy_init_ticket, p.tickets);
    struct lazy_init_segment *segments = LAZY_AT(struct lazy_init_segment, p.segments);
    const int64_t *rows = LAZY_AT(const int64_t, p.rows);
    /* Thread t has the t-th run of `each` tickets. Sums of a run first, then of all before it. */
    LAZY_SHARED
    uint64_t extents[LAZY_BLOCK], elements[LAZY_BLOCK], tiles[LAZY_BLOCK];
    LAZY_SHARED
    int32_t failed[LAZY_BLOCK];
    const int32_t each = (p.ticket_count + LAZY_BLOCK - 1) / LAZY_BLOCK;
    LAZY_PHASE (t) {
      int32_t last = ((int32_t)t + 1) * each;
      if (last > p.ticket_count) last = p.ticket_count;
      uint64_t extent = 0, count = 0, tile_count = 0;
      int32_t bad = errors[0].code != LAZY_SHAPE_OK;
      for (int32_t i = (int32_t)t * each; i < last && !bad; i++) {
        bad = lazy_segment_size(tickets + i, i, rows, segments + i, NULL) != LAZY_SHAPE_OK;
        if (!bad) {
          extent = (uint64_t)dim_add((lazy_dim)extent, (lazy_dim)segment_extent(segments + i));
          tile_count = (uint64_t)dim_add((lazy_dim)tile_count, (lazy_dim)segment_tiles(segments + i));
          count += segments[i].count;
        }
      }
      extents[t] = extent;
      elements[t] = count;
      tiles[t] = tile_count;
      failed[t] = bad;
    }
    LAZY_PHASE (t) {
      if (t == 0) {
        struct lazy_infer_summary *summary = LAZY_AT(struct lazy_infer_summary, p.summary);
        uint64_t extent = 0, count = 0, tile_count = 0;
        int32_t bad = 0;
        for (int32_t i = 0; i < LAZY_BLOCK; i++) {
          const uint64_t run_extent = extents[i], run_count = elements[i], run_tiles = tiles[i];
          bad |= failed[i];
          extents[i] = extent;
          elements[i] = count;
          tiles[i] = tile_count;
          extent = (uint64_t)dim_add((lazy_dim)extent, (lazy_dim)run_extent);
          tile_count = (uint64_t)dim_add((lazy_dim)tile_count, (lazy_dim)run_tiles);
          count += run_count;
        }
        bad |= extent >= (uint64_t)LAZY_DIM_LIMIT || tile_count > UINT32_MAX;
        summary->extent_bytes = summary->element_count = 0;
        summary->tile_count = summary->segment_count = 0;
        if (!bad) {
          summary->extent_bytes = extent;
          summary->element_count = count;
          summary->tile_count = (uint32_t)tile_count;
          summary->segment_count = (uint32_t)p.ticket_count;
        } else if (errors[0].code == LAZY_SHAPE_OK) {
          /* In ticket order, to find the first that fails. */
          int32_t code = LAZY_SHAPE_OK;
          for (int32_t i = 0; i < p.ticket_count && code == LAZY_SHAPE_OK; i++) {
            code = lazy_segment_size(tickets + i, i, rows, segments + i, errors);
            if (code == LAZY_SHAPE_OK) code = lazy_segment_place(segments + i, i, summary, errors);
          }
        }
        failed[0] = bad;
      }
    }
    LAZY_PHASE (t) {
      if (!failed[0]) {
        int32_t last = ((int32_t)t + 1) * each;
        if (last > p.ticket_count) last = p.ticket_count;
        uint64_t extent = extents[t], tile_count = tiles[t];
        for (int32_t i = (int32_t)t * each; i < last; i++) {
          lazy_segment_scale(tickets + i, rows, segments + i);
          segments[i].offset = extent;
          segments[i].first_tile = (uint32_t)tile_count;
          extent += segment_extent(segments + i);
          tile_count += segment_tiles(segments + i);
        }
      }
    }
  }
}
