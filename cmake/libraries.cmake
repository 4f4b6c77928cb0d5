# hp_library(NAME DEPS...): every .cc and .proto below the current folder becomes library hp_NAME.
# hp_program(NAME MAIN DEPS...): one executable.

# The one run path is what FindBoringSSL.cmake gives; CMake's own would add an empty element, which
# the loader takes for the working directory.
set(CMAKE_SKIP_RPATH ON)

list(APPEND CMAKE_MODULE_PATH "${CMAKE_SOURCE_DIR}/third_party")
find_package(Threads REQUIRED)
find_package(BoringSSL REQUIRED)
find_package(LMDB REQUIRED)
find_package(Sodium REQUIRED)
find_package(Seccomp REQUIRED)
find_package(fmt REQUIRED)
find_package(spdlog REQUIRED)
find_package(Protobuf REQUIRED)
find_path(ASIO_INCLUDE_DIR asio.hpp REQUIRED)

function(hp_library name)
  file(GLOB_RECURSE sources CONFIGURE_DEPENDS "${CMAKE_CURRENT_SOURCE_DIR}/*.cc")
  list(FILTER sources EXCLUDE REGEX "/main\\.cc$|_main\\.cc$")
  add_library(hp_${name} STATIC ${sources})
  target_link_libraries(hp_${name} PUBLIC hauspost_options ${ARGN})
  file(GLOB_RECURSE protos CONFIGURE_DEPENDS "${CMAKE_CURRENT_SOURCE_DIR}/*.proto")
  if(protos)
    hp_protobuf(hp_${name} ${protos})
  endif()
endfunction()

# Generated code is compiled apart and without our warnings: it is not our style.
function(hp_protobuf target)
  set(generated)
  foreach(proto IN LISTS ARGN)
    file(RELATIVE_PATH relative "${CMAKE_SOURCE_DIR}" "${proto}")
    string(REGEX REPLACE "\\.proto$" "" stem "${relative}")
    set(out "${CMAKE_BINARY_DIR}/generated/${stem}.pb")
    add_custom_command(
      OUTPUT "${out}.cc" "${out}.h"
      COMMAND protobuf::protoc --cpp_out "${CMAKE_BINARY_DIR}/generated"
              -I "${CMAKE_SOURCE_DIR}" "${relative}"
      WORKING_DIRECTORY "${CMAKE_SOURCE_DIR}"
      DEPENDS "${proto}" VERBATIM)
    list(APPEND generated "${out}.cc")
  endforeach()
  file(MAKE_DIRECTORY "${CMAKE_BINARY_DIR}/generated")
  target_sources(${target} PRIVATE ${generated})
  # Nor is it what sanitizers look for, and they triple the time it takes.
  if(HAUSPOST_SANITIZE)
    set(options "-w;-O0;-g0;-fno-sanitize=all")
  else()
    set(options "-w")
  endif()
  set_source_files_properties(${generated} PROPERTIES COMPILE_OPTIONS "${options}" SKIP_PRECOMPILE_HEADERS ON)
  target_link_libraries(${target} PUBLIC protobuf::libprotobuf)
endfunction()

function(hp_program name main)
  add_executable(${name} ${main})
  target_link_libraries(${name} PRIVATE ${ARGN})
  if(name STREQUAL "hauspost")
    install(TARGETS ${name})
  else()
    install(TARGETS ${name} DESTINATION lib/hauspost)  # roles find each other beside themselves
  endif()
endfunction()
