# The libraries that programs link, under the names that they ask for: libnvinfer, libnvonnxparser and libnvinfer_plugin are one
# file, which serves every level of the API; libcudart is hostcuda, for machines without CUDA. libnvinfer takes the CUDA runtime
# that the program links: hostcuda's or NVIDIA's.
set(TEMPER_LIBRARIES ${CMAKE_BINARY_DIR}/lib)
file(WRITE ${CMAKE_BINARY_DIR}/generated/nvinfer.cc "// All of it is in the rooms.\n")
add_library(nvinfer SHARED ${CMAKE_BINARY_DIR}/generated/nvinfer.cc)
target_link_libraries(nvinfer PRIVATE "$<LINK_LIBRARY:WHOLE_ARCHIVE,temper_api>")
target_link_options(nvinfer PRIVATE -Wl,--version-script=${CMAKE_SOURCE_DIR}/cmake/nvinfer.map)
set_target_properties(nvinfer PROPERTIES LIBRARY_OUTPUT_DIRECTORY ${TEMPER_LIBRARIES} VERSION ${PROJECT_VERSION} SOVERSION 10
  LINK_DEPENDS ${CMAKE_SOURCE_DIR}/cmake/nvinfer.map)

get_target_property(hostcuda_sources hostcuda SOURCES)
add_library(cudart SHARED ${hostcuda_sources})
target_include_directories(cudart PRIVATE ${CMAKE_SOURCE_DIR}/hostcuda/include ${CMAKE_SOURCE_DIR})
target_link_libraries(cudart PRIVATE Threads::Threads)
set_target_properties(cudart PROPERTIES LIBRARY_OUTPUT_DIRECTORY ${TEMPER_LIBRARIES} CXX_VISIBILITY_PRESET default)

set(library_links)
foreach(name nvinfer nvonnxparser nvinfer_plugin)
  foreach(ending .so .so.8 .so.10 .so.11)
    if(NOT "${name}${ending}" MATCHES "^nvinfer\\.so(\\.10)?$")
      list(APPEND library_links lib${name}${ending})
      add_custom_command(TARGET nvinfer POST_BUILD
        COMMAND ${CMAKE_COMMAND} -E create_symlink $<TARGET_FILE_NAME:nvinfer> ${TEMPER_LIBRARIES}/lib${name}${ending})
    endif()
  endforeach()
endforeach()

include(GNUInstallDirs)
install(TARGETS nvinfer LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR})
install(TARGETS cudart LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR}/temper/hostcuda)
foreach(link ${library_links})
  install(FILES ${TEMPER_LIBRARIES}/${link} DESTINATION ${CMAKE_INSTALL_LIBDIR})
endforeach()
install(DIRECTORY include/ DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}/temper-api)
install(DIRECTORY hostcuda/include/ DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}/temper-hostcuda)
