# Finds the NVTX headers, which come with the CUDA toolkit and need no library. Sets LAZYRT_HAVE_NVTX.
set(LAZYRT_HAVE_NVTX OFF)
if(NOT LAZYRT_NVTX STREQUAL "OFF")
  find_program(lazyrt_nvtx_nvcc nvcc NO_CACHE)
  cmake_path(GET lazyrt_nvtx_nvcc PARENT_PATH lazyrt_nvtx_bin)
  find_path(LAZYRT_NVTX_INCLUDE nvtx3/nvToolsExt.h
    HINTS ENV CUDA_HOME ENV CUDA_PATH ${CUDAToolkit_ROOT} ${lazyrt_nvtx_bin}/.. /usr/local/cuda
    PATH_SUFFIXES include targets/${CMAKE_SYSTEM_PROCESSOR}-linux/include)
  if(LAZYRT_NVTX_INCLUDE)
    set(LAZYRT_HAVE_NVTX ON)
  elseif(LAZYRT_NVTX STREQUAL "ON")
    message(FATAL_ERROR "LAZYRT_NVTX is ON, and nvtx3/nvToolsExt.h was not found (set CUDA_HOME)")
  endif()
endif()
message(STATUS "Profiler ranges (NVTX): ${LAZYRT_HAVE_NVTX}")

# lazyrt_nvtx(<target>): shows the headers to the files of a target, if there are any.
function(lazyrt_nvtx target)
  if(LAZYRT_HAVE_NVTX)
    target_include_directories(${target} SYSTEM PRIVATE ${LAZYRT_NVTX_INCLUDE})
    target_compile_definitions(${target} PRIVATE LAZYRT_HAVE_NVTX=1)
  endif()
endfunction()

# lazyrt_nvtx_injection(<out>): builds the small tool of tests/nvtx_injection.c, once, and sets <out> to its path.
function(lazyrt_nvtx_injection out)
  set(directory ${CMAKE_BINARY_DIR}/nvtx)
  if(NOT TARGET nvtx_injection)
    add_library(nvtx_injection MODULE ${PROJECT_SOURCE_DIR}/tests/nvtx_injection.c)
    target_include_directories(nvtx_injection PRIVATE ${PROJECT_SOURCE_DIR})
    target_link_libraries(nvtx_injection PRIVATE Threads::Threads)
    set_target_properties(nvtx_injection PROPERTIES LIBRARY_OUTPUT_DIRECTORY ${directory})
    lazyrt_nvtx(nvtx_injection)
  endif()
  set(${out} ${directory}/libnvtx_injection.so PARENT_SCOPE)
endfunction()
