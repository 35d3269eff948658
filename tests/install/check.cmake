# cmake -DBUILD=... -DFOLDER=... -DCXX=... -P check.cmake: installs the build, and builds and runs the program beside this file
# against what was installed, by find_package and by pkg-config.
function(run)
  execute_process(COMMAND ${ARGN} RESULT_VARIABLE result OUTPUT_VARIABLE output ERROR_VARIABLE output)
  if(NOT result EQUAL 0)
    message(FATAL_ERROR "${ARGN} failed:\n${output}")
  endif()
endfunction()

set(prefix ${FOLDER}/prefix)
file(REMOVE_RECURSE ${FOLDER})
run(${CMAKE_COMMAND} --install ${BUILD} --prefix ${prefix})
run(${CMAKE_COMMAND} -S ${CMAKE_CURRENT_LIST_DIR} -B ${FOLDER}/build -DCMAKE_PREFIX_PATH=${prefix} -DCMAKE_CXX_COMPILER=${CXX})
run(${CMAKE_COMMAND} --build ${FOLDER}/build)
run(${FOLDER}/build/consumer)

file(GLOB_RECURSE description ${prefix}/*/temper.pc)
get_filename_component(folder ${description} DIRECTORY)
set(ENV{PKG_CONFIG_PATH} ${folder})
execute_process(COMMAND pkg-config --cflags --libs temper temper-hostcuda OUTPUT_VARIABLE flags
  OUTPUT_STRIP_TRAILING_WHITESPACE COMMAND_ERROR_IS_FATAL ANY)
separate_arguments(flags UNIX_COMMAND ${flags})
run(${CXX} -std=c++17 ${CMAKE_CURRENT_LIST_DIR}/consumer.cc -o ${FOLDER}/consumer ${flags})
set(ENV{LD_LIBRARY_PATH} "${folder}/..:${folder}/../temper/hostcuda")
run(${FOLDER}/consumer)
