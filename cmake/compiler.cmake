# The compiler, its warnings and its hardening. One interface target carries all of it.

if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
  message(FATAL_ERROR
    "Hauspost needs clang 19 or newer; this is g++ ${CMAKE_CXX_COMPILER_VERSION}, whose coroutine code "
    "generation is not trusted here (g++ 12 miscompiles several shapes without a word).\n"
    "Install clang-19 and run: cmake --preset release")
elseif(NOT CMAKE_CXX_COMPILER_ID STREQUAL "Clang" OR CMAKE_CXX_COMPILER_VERSION VERSION_LESS 19)
  message(FATAL_ERROR
    "Hauspost needs clang 19 or newer; found ${CMAKE_CXX_COMPILER_ID} ${CMAKE_CXX_COMPILER_VERSION}.")
endif()

set(CMAKE_CXX_STANDARD 23)
set(CMAKE_CXX_STANDARD_REQUIRED ON)
set(CMAKE_CXX_EXTENSIONS OFF)
set(CMAKE_EXPORT_COMPILE_COMMANDS ON)
set(CMAKE_POSITION_INDEPENDENT_CODE ON)
set(CMAKE_RUNTIME_OUTPUT_DIRECTORY "${CMAKE_BINARY_DIR}/bin")

find_program(CCACHE_PROGRAM ccache)
if(CCACHE_PROGRAM)
  set(CMAKE_CXX_COMPILER_LAUNCHER "${CMAKE_COMMAND}" -E env
    CCACHE_SLOPPINESS=pch_defines,time_macros "${CCACHE_PROGRAM}")
endif()

set(HAUSPOST_SANITIZE "" CACHE STRING "Sanitizers, e.g. address,undefined")
option(HAUSPOST_FUZZ "Build libFuzzer targets that search, not only replay their seeds" OFF)

add_library(hauspost_options INTERFACE)
target_include_directories(hauspost_options INTERFACE "${CMAKE_SOURCE_DIR}" "${CMAKE_BINARY_DIR}/generated")
target_compile_definitions(hauspost_options INTERFACE
  HAUSPOST_VERSION="${HAUSPOST_VERSION}"
  ASIO_STANDALONE ASIO_SEPARATE_COMPILATION ASIO_NO_DEPRECATED
  ASIO_HAS_CO_AWAIT=1 ASIO_HAS_STD_COROUTINE=1
  ASIO_DISABLE_STD_ALIGNED_ALLOC  # or each file chooses by which standard header it met first
  _GLIBCXX_ASSERTIONS)
target_compile_options(hauspost_options INTERFACE
  -Wall -Wextra -Wpedantic -Werror -Wshadow -Wnon-virtual-dtor -Wold-style-cast -Wimplicit-fallthrough
  -Wno-gnu-statement-expression-from-macro-expansion -Wno-missing-field-initializers
  -fstack-protector-strong -fstack-clash-protection -fcf-protection -ftrivial-auto-var-init=zero
  -fno-plt -Xclang -fno-pch-timestamp)
target_link_options(hauspost_options INTERFACE -Wl,-z,relro,-z,now)
find_program(LLD_PROGRAM NAMES ld.lld-19)
if(LLD_PROGRAM)
  target_link_options(hauspost_options INTERFACE --ld-path=${LLD_PROGRAM})
endif()

if(CMAKE_BUILD_TYPE STREQUAL "Release" AND NOT HAUSPOST_SANITIZE)
  target_compile_options(hauspost_options INTERFACE -U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=3)
endif()
# HP_CHECK stays on in every build; NDEBUG would only silence third-party asserts.
string(REPLACE "-DNDEBUG" "" CMAKE_CXX_FLAGS_RELEASE "${CMAKE_CXX_FLAGS_RELEASE}")

if(HAUSPOST_SANITIZE)
  target_compile_options(hauspost_options INTERFACE
    -fsanitize=${HAUSPOST_SANITIZE} -fno-omit-frame-pointer -fno-sanitize-recover=all)
  target_link_options(hauspost_options INTERFACE -fsanitize=${HAUSPOST_SANITIZE})
endif()
if(HAUSPOST_FUZZ)
  target_compile_options(hauspost_options INTERFACE -fsanitize=fuzzer-no-link)
endif()
