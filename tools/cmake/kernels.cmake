# Two ways to compile a kernel source, for kernels/CMakeLists.txt.

# The instruction-set levels of this processor family: on x86-64 the three that the host device chooses from at run
# time, elsewhere the compiler's default (level 0).
if(CMAKE_SYSTEM_PROCESSOR MATCHES "^(x86_64|amd64|AMD64)$")
  set(LAZYRT_HOST_LEVELS 2 3 4)
else()
  set(LAZYRT_HOST_LEVELS 0)
endif()

# lazyrt_host_kernels(<target> <source>...): adds to <target> the objects of the sources compiled as C, once per level
# with LAZYI_LEVEL=<level>.
function(lazyrt_host_kernels target)
  set_source_files_properties(${ARGN} PROPERTIES LANGUAGE C)
  foreach(level IN LISTS LAZYRT_HOST_LEVELS)
    set(objects ${target}_v${level})
    add_library(${objects} OBJECT ${ARGN})
    target_link_libraries(${objects} PRIVATE lazyrt_private)
    target_compile_definitions(${objects} PRIVATE LAZYI_LEVEL=${level})
    target_compile_options(${objects} PRIVATE -O3 -fno-trapping-math)
    if(level)
      target_compile_options(${objects} PRIVATE -march=x86-64-v${level} -mtune=generic)
    endif()
    target_sources(${target} INTERFACE $<TARGET_OBJECTS:${objects}>)
  endforeach()
endfunction()
