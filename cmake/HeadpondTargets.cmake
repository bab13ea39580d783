# One way to declare a layer, a test and a binary. Sources and dependencies are always explicit.
#
#   headpond_library(NAME base SOURCES a.cc b.cc DEPS hp_other fmt::fmt)   -> target hp_base
#   headpond_test(NAME base_status_test SOURCES status_test.cc DEPS hp_base [TIMEOUT 60] [LABELS unit])
#   headpond_binary(NAME headpond SOURCES main.cc DEPS ...)
#   headpond_fuzz(NAME path_fuzz SOURCES path_fuzz.cc DEPS hp_base CORPUS dir)
#
# Include roots are daemons/ ("base/result.h") and the project root ("operator/api/types.h").

set(HEADPOND_WARNINGS -Wall -Wextra -Werror -Wno-unused-parameter -Wno-missing-field-initializers)
if(CMAKE_CXX_COMPILER_ID MATCHES "Clang")
  list(APPEND HEADPOND_WARNINGS -Wthread-safety)
endif()

# What `make test-tsan` builds: the tests with the label tsan.
add_custom_target(tsan_tests)

function(headpond_library)
  cmake_parse_arguments(ARG "" "NAME" "SOURCES;DEPS;PRIVATE_DEPS" ${ARGN})
  if(ARG_SOURCES)
    add_library(hp_${ARG_NAME} STATIC ${ARG_SOURCES})
    target_include_directories(hp_${ARG_NAME} PUBLIC ${PROJECT_SOURCE_DIR}/daemons ${PROJECT_SOURCE_DIR})
    target_link_libraries(hp_${ARG_NAME} PUBLIC ${ARG_DEPS} PRIVATE ${ARG_PRIVATE_DEPS})
    target_compile_options(hp_${ARG_NAME} PRIVATE ${HEADPOND_WARNINGS})
  else()
    add_library(hp_${ARG_NAME} INTERFACE)
    target_include_directories(hp_${ARG_NAME} INTERFACE ${PROJECT_SOURCE_DIR}/daemons ${PROJECT_SOURCE_DIR})
    target_link_libraries(hp_${ARG_NAME} INTERFACE ${ARG_DEPS})
  endif()
endfunction()

function(headpond_binary)
  cmake_parse_arguments(ARG "" "NAME" "SOURCES;DEPS" ${ARGN})
  add_executable(${ARG_NAME} ${ARG_SOURCES})
  target_include_directories(${ARG_NAME} PRIVATE ${PROJECT_SOURCE_DIR}/daemons ${PROJECT_SOURCE_DIR})
  target_link_libraries(${ARG_NAME} PRIVATE ${ARG_DEPS})
  target_compile_options(${ARG_NAME} PRIVATE ${HEADPOND_WARNINGS})
endfunction()

# clang's sanitizers find the program that names their stack traces' lines in PATH only, where Debian has it with a suffix.
function(headpond_symbolize TEST)
  if(CMAKE_CXX_COMPILER_ID MATCHES "Clang")
    string(REGEX MATCH "^[0-9]+" major "${CMAKE_CXX_COMPILER_VERSION}")
    set_tests_properties(${TEST} PROPERTIES ENVIRONMENT_MODIFICATION "PATH=path_list_append:/usr/lib/llvm-${major}/bin")
  endif()
endfunction()

function(headpond_test)
  if(NOT BUILD_TESTING)
    return()
  endif()
  cmake_parse_arguments(ARG "" "NAME;TIMEOUT" "SOURCES;DEPS;LABELS" ${ARGN})
  if(NOT ARG_TIMEOUT)
    set(ARG_TIMEOUT 120)
  endif()
  add_executable(${ARG_NAME} ${ARG_SOURCES})
  target_include_directories(${ARG_NAME} PRIVATE ${PROJECT_SOURCE_DIR}/daemons ${PROJECT_SOURCE_DIR})
  target_link_libraries(${ARG_NAME} PRIVATE ${ARG_DEPS} GTest::gmock_main)
  # What a test itself does takes less time than optimising it, which is most of a build with sanitizers.
  target_compile_options(${ARG_NAME} PRIVATE ${HEADPOND_WARNINGS} $<$<CONFIG:Debug>:-O0>)
  add_test(NAME ${ARG_NAME} COMMAND ${ARG_NAME})
  set_tests_properties(${ARG_NAME} PROPERTIES TIMEOUT ${ARG_TIMEOUT} LABELS "${ARG_LABELS}")
  headpond_symbolize(${ARG_NAME})
  if("tsan" IN_LIST ARG_LABELS)
    add_dependencies(tsan_tests ${ARG_NAME})
    set_tests_properties(${ARG_NAME} PROPERTIES
      ENVIRONMENT "TSAN_OPTIONS=ignore_noninstrumented_modules=1:suppressions=${PROJECT_SOURCE_DIR}/scripts/tsan.supp")
  endif()
endfunction()

# A fuzz target is a libFuzzer binary with -DHEADPOND_FUZZ=ON; otherwise its seed corpus runs as a plain test,
# so that every regression input is checked by `make test` with any compiler.
function(headpond_fuzz)
  cmake_parse_arguments(ARG "" "NAME;CORPUS" "SOURCES;DEPS" ${ARGN})
  if(HEADPOND_FUZZ)
    headpond_binary(NAME ${ARG_NAME} SOURCES ${ARG_SOURCES} DEPS ${ARG_DEPS})
    target_link_options(${ARG_NAME} PRIVATE -fsanitize=fuzzer)
  elseif(BUILD_TESTING)
    headpond_binary(NAME ${ARG_NAME} SOURCES ${ARG_SOURCES} ${PROJECT_SOURCE_DIR}/daemons/testing/fuzz_replay_main.cc
                    DEPS ${ARG_DEPS})
    add_test(NAME ${ARG_NAME} COMMAND ${ARG_NAME} ${ARG_CORPUS} WORKING_DIRECTORY ${CMAKE_CURRENT_SOURCE_DIR})
    set_tests_properties(${ARG_NAME} PROPERTIES TIMEOUT 120 LABELS fuzz)
    headpond_symbolize(${ARG_NAME})
  endif()
endfunction()
