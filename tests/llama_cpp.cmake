# Settings for building llama-cpp-python: its library alone, on the CPU, quick to compile.
# CMAKE_ARGS="-DCMAKE_PROJECT_llama_cpp_INCLUDE=$PWD/tests/llama_cpp.cmake" pip install --group llama
set(LLAVA_BUILD OFF)
# A cache variable of this name is forced on later; a plain one stands before it (CMP0126).
set(LLAMA_BUILD_COMMON OFF)
set(GGML_LLAMAFILE OFF)
set(GGML_OPENMP OFF)
set(GGML_CPU_REPACK OFF)
# The tests compare numbers, not speed; most of the time goes into files for other networks.
set(CMAKE_C_FLAGS_RELEASE "-O2")
set(CMAKE_CXX_FLAGS_RELEASE "-O1")
