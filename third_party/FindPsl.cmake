# libpsl -> Psl::Psl
find_path(PSL_INCLUDE_DIR libpsl.h)
find_library(PSL_LIBRARY psl)
include(FindPackageHandleStandardArgs)
find_package_handle_standard_args(Psl DEFAULT_MSG PSL_LIBRARY PSL_INCLUDE_DIR)
if(Psl_FOUND AND NOT TARGET Psl::Psl)
  add_library(Psl::Psl UNKNOWN IMPORTED)
  set_target_properties(Psl::Psl PROPERTIES IMPORTED_LOCATION "${PSL_LIBRARY}"
    INTERFACE_INCLUDE_DIRECTORIES "${PSL_INCLUDE_DIR}")
endif()
