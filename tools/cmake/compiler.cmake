# Language standard, warnings and sanitizers, for every target.
set(CMAKE_C_STANDARD 11)
set(CMAKE_C_STANDARD_REQUIRED ON)
set(CMAKE_C_EXTENSIONS OFF)
set(CMAKE_CXX_STANDARD 17)
set(CMAKE_CXX_STANDARD_REQUIRED ON)
set(CMAKE_CXX_EXTENSIONS OFF)
set(CMAKE_C_VISIBILITY_PRESET hidden)
set(CMAKE_CXX_VISIBILITY_PRESET hidden)
set(CMAKE_VISIBILITY_INLINES_HIDDEN ON)
set(CMAKE_POSITION_INDEPENDENT_CODE ON)
set(CMAKE_EXPORT_COMPILE_COMMANDS ON)

add_compile_definitions($<$<COMPILE_LANGUAGE:C>:_GNU_SOURCE>)
add_compile_options(-Wall -Wextra -Wpedantic -Wshadow -Wvla
  $<$<COMPILE_LANGUAGE:C>:-Wstrict-prototypes> $<$<COMPILE_LANGUAGE:C>:-Wmissing-prototypes>)
# gcc sees one file at a time and cannot know that lazy_status_fail returns the status it is given, so after LAZY_TRY it
# takes every output, which an error leaves untouched, for possibly unset. clang's warning of that kind is exact and on.
add_compile_options($<$<C_COMPILER_ID:GNU>:-Wno-maybe-uninitialized>)
if(LAZYRT_WERROR)
  add_compile_options(-Werror)
endif()

# Equal bits on every compiler and level: no contraction into fused multiply-adds but where fma() is written.
add_compile_options(-ffp-contract=off -fno-math-errno)

# Messages and recorded file names do not depend on where the tree lies.
add_compile_options(-ffile-prefix-map=${CMAKE_CURRENT_SOURCE_DIR}/=)

if(LAZYRT_SANITIZE)
  string(REPLACE ";" "," lazyrt_sanitizers "${LAZYRT_SANITIZE}")
  add_compile_options(-fsanitize=${lazyrt_sanitizers} -fno-sanitize-recover=all -fno-omit-frame-pointer)
  add_link_options(-fsanitize=${lazyrt_sanitizers})
endif()
if(LAZYRT_FUZZ)
  add_compile_options(-fsanitize=fuzzer-no-link)
endif()
