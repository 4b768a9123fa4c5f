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
    if(level EQUAL 4) # else the compilers keep to half of the register
      target_compile_options(${objects} PRIVATE -mprefer-vector-width=512)
    endif()
    target_sources(${target} INTERFACE $<TARGET_OBJECTS:${objects}>)
  endforeach()
endfunction()

function(lazyrt_nvcc_flags out_flags)
  set(${out_flags} -std=c++17 -O3 -fmad=false -I${PROJECT_SOURCE_DIR} -I${PROJECT_SOURCE_DIR}/include PARENT_SCOPE)
endfunction()

# lazyrt_ptx(<source.cu> <out_file>): compiles one source to PTX of the lowest architecture, with the source's lines, in the
# build folder.
function(lazyrt_ptx source out_file)
  get_filename_component(name ${source} NAME_WE)
  set(ptx ${CMAKE_CURRENT_BINARY_DIR}/${name}.ptx)
  lazyrt_nvcc_flags(flags)
  list(GET LAZYRT_CUDA_ARCHITECTURES 0 lowest)
  add_custom_command(OUTPUT ${ptx} DEPENDS ${CMAKE_CURRENT_SOURCE_DIR}/${source} DEPFILE ${ptx}.d VERBATIM
    COMMAND ${LAZYRT_NVCC} ${flags} -lineinfo -arch=compute_${lowest} -ptx -MD -MF ${ptx}.d -MT ${ptx} -o ${ptx} ${CMAKE_CURRENT_SOURCE_DIR}/${source}
    COMMENT "Compiling ${source} to PTX")
  set(${out_file} ${ptx} PARENT_SCOPE)
endfunction()

# lazyrt_gpu_image(<target> <embedding.c> <source>...): compiles the sources as one translation unit with nvcc and has
# <embedding.c> of <target> embed the image (LAZYI_FATBIN) and the PTX of the lowest architecture (LAZYI_PTX). The same PTX
# with the source's lines in it is made beside it: its path is the global property lazyrt_ptx_with_lines.
function(lazyrt_gpu_image target embedding)
  set(unit ${CMAKE_CURRENT_BINARY_DIR}/kernels.cu)
  set(text "")
  foreach(source IN LISTS ARGN)
    string(APPEND text "#include \"${source}\"\n")
  endforeach()
  file(CONFIGURE OUTPUT ${unit} CONTENT "${text}")

  lazyrt_nvcc_flags(flags)
  list(GET LAZYRT_CUDA_ARCHITECTURES 0 lowest)
  set(code -gencode arch=compute_${lowest},code=compute_${lowest})
  foreach(architecture IN LISTS LAZYRT_CUDA_ARCHITECTURES)
    list(APPEND code -gencode arch=compute_${architecture},code=sm_${architecture})
  endforeach()

  set(fatbin ${CMAKE_CURRENT_BINARY_DIR}/kernels.fatbin)
  set(ptx ${CMAKE_CURRENT_BINARY_DIR}/kernels.ptx)
  add_custom_command(OUTPUT ${fatbin} DEPENDS ${unit} DEPFILE ${fatbin}.d VERBATIM
    COMMAND ${LAZYRT_NVCC} ${flags} ${code} --threads 0 -Xfatbin -compress-all -fatbin -MD -MF ${fatbin}.d -MT ${fatbin} -o ${fatbin} ${unit}
    COMMENT "Compiling the kernels for NVIDIA GPUs")
  set(lines ${CMAKE_CURRENT_BINARY_DIR}/kernels.lines.ptx)
  add_custom_command(OUTPUT ${lines} DEPENDS ${unit} DEPFILE ${lines}.d VERBATIM
    COMMAND ${LAZYRT_NVCC} ${flags} -lineinfo -arch=compute_${lowest} -ptx -MD -MF ${lines}.d -MT ${lines} -o ${lines} ${unit}
    COMMENT "Compiling the kernels to PTX")
  add_custom_command(OUTPUT ${ptx} DEPENDS ${lines} VERBATIM
    COMMAND ${CMAKE_COMMAND} -DFROM=${lines} -DTO=${ptx} -P ${PROJECT_SOURCE_DIR}/tools/cmake/strip_lines.cmake
    COMMENT "Taking the lines out of the PTX")
  set_property(GLOBAL PROPERTY lazyrt_ptx_with_lines ${lines})
  target_sources(${target} PRIVATE ${embedding})
  set_source_files_properties(${embedding} PROPERTIES OBJECT_DEPENDS "${fatbin};${ptx}"
    COMPILE_DEFINITIONS "LAZYI_FATBIN=\"${fatbin}\";LAZYI_PTX=\"${ptx}\"")
endfunction()
