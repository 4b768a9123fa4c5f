/* Plans found again: by fingerprint, and then compared in full. */
#include <string.h>

#include "runtime/graph/plan.h"

static bool equal(const void *a, const void *b, size_t count, size_t bytes) {
  return count == 0 || memcmp(a, b, count * bytes) == 0;
}

/* The sizes of results follow from all the rest. */
static bool same_sizes(const lazyi_plan *plan, const lazyi_plan_key *key, const lazyi_shape_table *table) {
  for (size_t i = 0; i < plan->tensor_count; i++)
    if (plan->tensors[i].kind != LAZYI_TENSOR_RESULT &&
        !equal(plan->rows + i * LAZY_ROW, table->rows.at + (size_t)key->slots.at[i] * LAZY_ROW, LAZY_ROW,
               sizeof *plan->rows))
      return false;
  return true;
}

static bool matches(const lazyi_plan *plan, const lazyi_plan_key *key, const lazyi_recording *recording) {
  const lazyi_shape_table *table = &recording->table;
  return plan->node_count == table->nodes.count && plan->node_operand_count == key->operands.count &&
         plan->attribute_count == table->attributes.count && plan->tensor_count == key->tensors.count &&
         plan->output_count == key->outputs.count &&
         equal(plan->nodes, table->nodes.at, plan->node_count, sizeof *plan->nodes) &&
         equal(plan->node_operands, key->operands.at, plan->node_operand_count,
               sizeof *plan->node_operands) &&
         equal(plan->attributes, table->attributes.at, plan->attribute_count, sizeof *plan->attributes) &&
         equal(plan->ops, recording->ops.at, plan->node_count, sizeof *plan->ops) &&
         equal(plan->tensors, key->tensors.at, plan->tensor_count, sizeof *plan->tensors) &&
         equal(plan->outputs, key->outputs.at, plan->output_count, sizeof *plan->outputs) &&
         same_sizes(plan, key, table);
}

void lazyi_plan_cache_deinit(lazyi_plan_cache *cache) {
  for (int i = 0; i < LAZYI_PLAN_CACHE_SIZE; i++) lazyi_plan_destroy(cache->at[i]);
  *cache = (lazyi_plan_cache){0};
}

lazyi_plan *lazyi_plan_cache_find(lazyi_plan_cache *cache, const lazyi_plan_key *key,
                                  const lazyi_recording *recording) {
  for (int i = 0; i < LAZYI_PLAN_CACHE_SIZE; i++) {
    lazyi_plan *plan = cache->at[i];
    if (plan == NULL || plan->fingerprint != key->fingerprint || !matches(plan, key, recording)) continue;
    plan->last_used = ++cache->clock;
    return plan;
  }
  return NULL;
}

void lazyi_plan_cache_put(lazyi_plan_cache *cache, lazyi_plan *plan) {
  int place = 0;
  for (int i = 1; i < LAZYI_PLAN_CACHE_SIZE && cache->at[place] != NULL; i++)
    if (cache->at[i] == NULL || cache->at[i]->last_used < cache->at[place]->last_used) place = i;
  lazyi_plan_destroy(cache->at[place]);
  plan->last_used = ++cache->clock;
  cache->at[place] = plan;
}
