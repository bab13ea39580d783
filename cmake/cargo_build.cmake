# cmake -DCARGO=... -DCRATE=<folder> -DLIBRARY=<lib>.a -DCACHE=<folder> -P cargo_build.cmake
# Builds the crate in the cache's folder for its Cargo.lock and copies the library out. Checkouts share that folder and
# cargo puts each one's library under the same name there, so building and copying happen under one lock.
cmake_minimum_required(VERSION 3.25)

file(SHA256 ${CRATE}/Cargo.lock key)
string(SUBSTRING ${key} 0 12 key)
set(target ${CACHE}/${key})
file(MAKE_DIRECTORY ${target})
file(LOCK ${target}/headpond.lock GUARD PROCESS TIMEOUT 1200 RESULT_VARIABLE locked)
if(NOT locked EQUAL 0)
  message(FATAL_ERROR "another build holds ${target} for 20 minutes: ${locked}")
endif()

execute_process(
  COMMAND ${CMAKE_COMMAND} -E env CARGO_TARGET_DIR=${target} ${CARGO} build --release --locked --quiet
  WORKING_DIRECTORY ${CRATE}
  RESULT_VARIABLE result)
if(NOT result EQUAL 0)
  message(FATAL_ERROR "cargo build failed in ${CRATE}: ${result}")
endif()
get_filename_component(name ${LIBRARY} NAME)
file(COPY_FILE ${target}/release/${name} ${LIBRARY} ONLY_IF_DIFFERENT)
file(TOUCH_NOCREATE ${LIBRARY})
