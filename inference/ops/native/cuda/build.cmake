# libmixline_ops_cuda.so, compiled by an nvcc 13 that is on PATH, in CUDA_HOME or in the wheels
# nvidia-cuda-{nvcc,runtime,crt,cccl} and nvidia-nvvm of the Python that builds.
# MIXLINE_CUDA is AUTO (left out without such an nvcc) or ON (an error without it).
# CUDA's run-time is linked in: the library loads on a machine that has none.
set(MIXLINE_CUDA_ARCHITECTURES 80 86 89 90 100 120 CACHE STRING "GPUs to compile for, ascending")

find_program(MIXLINE_NVCC nvcc HINTS ENV CUDA_HOME PATH_SUFFIXES bin)
if(NOT MIXLINE_NVCC)
  find_package(Python3 COMPONENTS Interpreter)
  if(Python3_Interpreter_FOUND)
    execute_process(
      COMMAND ${Python3_EXECUTABLE} -c "import sysconfig; print(sysconfig.get_path('purelib'))"
      OUTPUT_VARIABLE site OUTPUT_STRIP_TRAILING_WHITESPACE)
    find_program(MIXLINE_NVCC nvcc HINTS ${site}/nvidia/cu13/bin NO_DEFAULT_PATH)
  endif()
endif()
if(NOT MIXLINE_NVCC)
  if(MIXLINE_CUDA STREQUAL "AUTO")
    message(STATUS "CUDA operators: left out, no nvcc on PATH, in CUDA_HOME or among Python's packages")
    return()
  endif()
  message(FATAL_ERROR "expected nvcc on PATH, in CUDA_HOME or among Python's packages, found none; "
    "install CUDA 13, or configure with -DMIXLINE_CUDA=OFF")
endif()
execute_process(COMMAND ${MIXLINE_NVCC} --version OUTPUT_VARIABLE told)
if(NOT told MATCHES "release ([0-9]+)" OR CMAKE_MATCH_1 LESS 13)
  if(MIXLINE_CUDA STREQUAL "AUTO")
    message(STATUS "CUDA operators: left out, ${MIXLINE_NVCC} is not of CUDA 13 or later")
    return()
  endif()
  message(FATAL_ERROR "expected nvcc of CUDA 13 or later, found ${MIXLINE_NVCC}: ${told}; "
    "install CUDA 13, or configure with -DMIXLINE_CUDA=OFF")
endif()
message(STATUS "CUDA operators: compiled by ${MIXLINE_NVCC} for ${MIXLINE_CUDA_ARCHITECTURES}")

set(names "")
set(targets "")
foreach(architecture ${MIXLINE_CUDA_ARCHITECTURES})
  list(APPEND names sm_${architecture})
  list(APPEND targets -gencode arch=compute_${architecture},code=sm_${architecture})
  set(last ${architecture})
endforeach()
# Later GPUs compile the last one's intermediate code when the library is loaded.
list(APPEND targets -gencode arch=compute_${last},code=compute_${last})
list(JOIN names "," names)
set(flags -std=c++20 -O3 --expt-relaxed-constexpr -Werror all-warnings ${targets}
  -Xcompiler -Wall,-Wextra,-Werror,-fPIC,-fvisibility=hidden -I${native})

# ONNX Runtime's face is plain C++; mixline_kernels brings what it shares with the processor's.
add_library(mixline_cuda_face OBJECT ${MIXLINE_CUDA_FACE})
target_include_directories(mixline_cuda_face PRIVATE ${native})
target_compile_options(mixline_cuda_face PRIVATE -Werror)
target_compile_definitions(mixline_cuda_face PRIVATE MIXLINE_CUDA_ARCHITECTURES="${names}")

set(objects "")
foreach(source router expert_kernels gpu)
  set(object ${CMAKE_CURRENT_BINARY_DIR}/cuda_${source}.o)
  add_custom_command(OUTPUT ${object}
    COMMAND ${MIXLINE_NVCC} ${flags} -MD -MF ${object}.d -c ${native}/cuda/${source}.cu -o ${object}
    DEPENDS ${native}/cuda/${source}.cu DEPFILE ${object}.d VERBATIM)
  list(APPEND objects ${object})
endforeach()
set(library ${CMAKE_CURRENT_BINARY_DIR}/libmixline_ops_cuda.so)
list(APPEND objects $<TARGET_OBJECTS:mixline_cuda_face> $<TARGET_OBJECTS:mixline_kernels>)
add_custom_command(OUTPUT ${library}
  COMMAND ${MIXLINE_NVCC} -shared --cudart static -Xlinker --no-undefined ${targets} ${objects}
    -o ${library}
  DEPENDS ${objects} COMMAND_EXPAND_LISTS VERBATIM)
add_custom_target(mixline_ops_cuda ALL DEPENDS ${library})
install(FILES ${library} DESTINATION inference/ops)
