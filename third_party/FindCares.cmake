# c-ares (libc-ares-dev). Imported target: Cares::Cares.
find_path(CARES_INCLUDE_DIR ares.h)
find_library(CARES_LIBRARY cares)
include(FindPackageHandleStandardArgs)
find_package_handle_standard_args(Cares REASON_FAILURE_MESSAGE "install libc-ares-dev"
  REQUIRED_VARS CARES_LIBRARY CARES_INCLUDE_DIR)
if(Cares_FOUND AND NOT TARGET Cares::Cares)
  add_library(Cares::Cares UNKNOWN IMPORTED)
  set_target_properties(Cares::Cares PROPERTIES IMPORTED_LOCATION "${CARES_LIBRARY}"
    INTERFACE_INCLUDE_DIRECTORIES "${CARES_INCLUDE_DIR}")
endif()
