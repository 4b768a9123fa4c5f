// Blocks of a cooperative launch meet: neighbours' values pass on, a step for each meeting.
#include <cooperative_groups.h>
#include <stdint.h>

namespace cg = cooperative_groups;

extern "C" __global__ void grid_pass(uint32_t *front, uint32_t *back, uint32_t count, uint32_t steps) {
  cg::grid_group grid = cg::this_grid();
  uint32_t i = (uint32_t)grid.thread_rank();
  for (uint32_t step = 0; step < steps; step++) {
    if (i < count) back[i] = front[i] + 3 * front[(i + 1) % count];
    grid.sync();
    uint32_t *other = front;
    front = back;
    back = other;
  }
}

// Groups within a block and a warp.
extern "C" __global__ void grid_groups(uint32_t *out) {
  cg::thread_block block = cg::this_thread_block();
  cg::thread_block_tile<8> tile = cg::tiled_partition<8>(block);
  uint32_t x = block.thread_rank();
  for (int step = 4; step > 0; step /= 2) x += tile.shfl_down(x, step);
  uint32_t any = 0;
  if (block.thread_rank() % 3 == 0) {
    cg::coalesced_group active = cg::coalesced_threads();
    any = active.size() * 100 + active.thread_rank();
  }
  block.sync();
  out[block.thread_rank()] = tile.shfl(x, 0) + (any << 16);
}
