# BoringSSL as Debian packages it (android-libboringssl-dev): headers below include/android, libraries
# below lib/<triplet>/android, hence the run path. Imported target: BoringSSL::SSL.
find_path(BORINGSSL_INCLUDE_DIR openssl/base.h PATHS /usr/include/android NO_DEFAULT_PATH)
find_library(BORINGSSL_SSL_LIBRARY ssl PATHS /usr/lib/${CMAKE_LIBRARY_ARCHITECTURE}/android NO_DEFAULT_PATH)
find_library(BORINGSSL_CRYPTO_LIBRARY crypto PATHS /usr/lib/${CMAKE_LIBRARY_ARCHITECTURE}/android NO_DEFAULT_PATH)
include(FindPackageHandleStandardArgs)
find_package_handle_standard_args(BoringSSL
  REASON_FAILURE_MESSAGE "install android-libboringssl-dev"
  REQUIRED_VARS BORINGSSL_SSL_LIBRARY BORINGSSL_CRYPTO_LIBRARY BORINGSSL_INCLUDE_DIR)
if(BoringSSL_FOUND AND NOT TARGET BoringSSL::SSL)
  get_filename_component(_dir "${BORINGSSL_SSL_LIBRARY}" DIRECTORY)
  add_library(BoringSSL::SSL INTERFACE IMPORTED)
  # BEFORE: OpenSSL's headers of the same names may be installed too and must never win.
  target_include_directories(BoringSSL::SSL BEFORE INTERFACE "${BORINGSSL_INCLUDE_DIR}")
  set_target_properties(BoringSSL::SSL PROPERTIES INTERFACE_SYSTEM_INCLUDE_DIRECTORIES "")
  target_link_libraries(BoringSSL::SSL INTERFACE "${BORINGSSL_SSL_LIBRARY}" "${BORINGSSL_CRYPTO_LIBRARY}")
  target_link_options(BoringSSL::SSL INTERFACE "-Wl,-rpath,${_dir}")
endif()
