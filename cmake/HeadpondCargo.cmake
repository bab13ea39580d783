# A Rust crate as a static library of this build.
#
#   headpond_cargo_library(NAME headpond_raft DIRECTORY raft SOURCES src/lib.rs ...)   -> imported target headpond_raft
#
# `cargo build --release --locked` runs again when a source, Cargo.toml or Cargo.lock changes; the library is the same for
# all presets (its code is not instrumented: sanitizers see the C++ on both sides of the boundary). What the crate depends
# on is compiled once for all presets and checkouts of a user, in HEADPOND_CARGO_CACHE, in a folder per Cargo.lock. Crates
# are downloaded by the first build; later ones need no network.
set(default_cache $ENV{XDG_CACHE_HOME})
if(NOT default_cache AND DEFINED ENV{HOME})
  set(default_cache $ENV{HOME}/.cache)
endif()
if(NOT default_cache)
  set(default_cache ${CMAKE_BINARY_DIR})
endif()
set(HEADPOND_CARGO_CACHE ${default_cache}/headpond-cargo CACHE PATH "Where compiled crates are kept")

function(headpond_find_cargo)
  find_program(CARGO cargo)
  if(NOT CARGO)
    message(FATAL_ERROR "cargo is missing: run `make deps` (apt: cargo-web rustc-web), or install Rust with rustup")
  endif()
endfunction()

function(headpond_cargo_library)
  cmake_parse_arguments(ARG "" "NAME;DIRECTORY" "SOURCES" ${ARGN})
  headpond_find_cargo()
  set(crate ${CMAKE_CURRENT_SOURCE_DIR}/${ARG_DIRECTORY})
  set(library ${CMAKE_CURRENT_BINARY_DIR}/lib${ARG_NAME}.a)
  list(TRANSFORM ARG_SOURCES PREPEND ${crate}/)
  add_custom_command(
    OUTPUT ${library}
    COMMAND ${CMAKE_COMMAND} -DCARGO=${CARGO} -DCRATE=${crate} -DLIBRARY=${library} -DCACHE=${HEADPOND_CARGO_CACHE}
            -P ${PROJECT_SOURCE_DIR}/cmake/cargo_build.cmake
    DEPENDS ${ARG_SOURCES} ${crate}/Cargo.toml ${crate}/Cargo.lock ${PROJECT_SOURCE_DIR}/cmake/cargo_build.cmake
    COMMENT "Building the crate ${ARG_NAME}"
    VERBATIM)
  add_custom_target(${ARG_NAME}_build DEPENDS ${library})
  add_library(${ARG_NAME} STATIC IMPORTED GLOBAL)
  add_dependencies(${ARG_NAME} ${ARG_NAME}_build)
  set_target_properties(${ARG_NAME} PROPERTIES
    IMPORTED_LOCATION ${library}
    INTERFACE_INCLUDE_DIRECTORIES ${crate}
    # What `cargo rustc -- --print native-static-libs` names, but for libc and libgcc_s, which C++ brings.
    INTERFACE_LINK_LIBRARIES "Threads::Threads;${CMAKE_DL_LIBS};m")
endfunction()
