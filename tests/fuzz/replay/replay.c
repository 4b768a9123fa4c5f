/* Stands in for libFuzzer: runs the fuzz target over every file of a folder, and over each file with bytes
   changed, cut and doubled at seeded places. */
#include <dirent.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes);

static uint64_t next(uint64_t *state) {
  uint64_t x = *state += 0x9e3779b97f4a7c15u;
  x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9u;
  x = (x ^ (x >> 27)) * 0x94d049bb133111ebu;
  return x ^ (x >> 31);
}

/* A block of exactly these bytes, so that the address sanitizer sees the first step past it. */
static void run(const uint8_t *data, size_t bytes) {
  uint8_t *copy = malloc(bytes != 0 ? bytes : 1);
  if (copy == NULL) abort();
  if (bytes != 0) memcpy(copy, data, bytes);
  LLVMFuzzerTestOneInput(copy, bytes);
  free(copy);
}

static void mutate(const uint8_t *data, size_t bytes, uint64_t *state) {
  uint8_t *changed = malloc(2 * bytes + 1);
  if (changed == NULL) abort();
  for (int round = 0; round < 300; round++) {
    memcpy(changed, data, bytes);
    size_t length = bytes;
    for (uint64_t edits = 1 + next(state) % 4; edits > 0 && length > 0; edits--) {
      size_t at = (size_t)(next(state) % length);
      switch (next(state) % 5) {
        case 0: changed[at] = (uint8_t)next(state); break;
        case 1: changed[at] ^= (uint8_t)(1u << next(state) % 8); break;
        case 2: length = at; break;
        case 3: /* a byte of the file's own: brackets, quotes, digits where they do not belong */
          changed[at] = changed[next(state) % length];
          break;
        default: { /* the piece from here, again */
          size_t piece = length - at;
          if (length + piece > 2 * bytes) break;
          memmove(changed + length, changed + at, piece);
          length += piece;
        }
      }
    }
    run(changed, length);
  }
  free(changed);
}

int main(int argc, char **argv) {
  uint64_t state = 1;
  const char *seed = getenv("LAZYRT_TEST_SEED");
  if (seed != NULL) state = strtoull(seed, NULL, 0);
  run(NULL, 0);
  size_t files = 0;
  DIR *folder = argc > 1 ? opendir(argv[1]) : NULL;
  if (folder == NULL) {
    fprintf(stderr, "usage: %s FOLDER\n", argv[0]);
    return 2;
  }
  for (struct dirent *entry; (entry = readdir(folder)) != NULL;) {
    if (entry->d_name[0] == '.') continue;
    char path[4096];
    snprintf(path, sizeof path, "%s/%s", argv[1], entry->d_name);
    FILE *file = fopen(path, "rb");
    static uint8_t data[1 << 20];
    if (file == NULL) return 2;
    size_t bytes = fread(data, 1, sizeof data, file);
    fclose(file);
    run(data, bytes);
    mutate(data, bytes, &state);
    files++;
  }
  closedir(folder);
  printf("%zu files, each as it is and 300 times changed\n", files);
  return files != 0 ? 0 : 1;
}
