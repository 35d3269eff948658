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
include(CMakePackageConfigHelpers)
set(package_folder ${CMAKE_INSTALL_LIBDIR}/cmake/Temper)
target_include_directories(nvinfer INTERFACE $<INSTALL_INTERFACE:${CMAKE_INSTALL_INCLUDEDIR}/temper-api>)
target_include_directories(cudart INTERFACE $<INSTALL_INTERFACE:${CMAKE_INSTALL_INCLUDEDIR}/temper-hostcuda>)
set_target_properties(cudart PROPERTIES EXPORT_NAME hostcuda)
install(TARGETS nvinfer EXPORT Temper LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR})
install(TARGETS cudart EXPORT Temper LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR}/temper/hostcuda)
foreach(link ${library_links})
  install(FILES ${TEMPER_LIBRARIES}/${link} DESTINATION ${CMAKE_INSTALL_LIBDIR})
endforeach()
install(DIRECTORY include/ DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}/temper-api)
install(DIRECTORY hostcuda/include/ DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}/temper-hostcuda)
# For find_package(Temper), and for pkg-config.
install(EXPORT Temper NAMESPACE Temper:: FILE TemperTargets.cmake DESTINATION ${package_folder})
configure_package_config_file(cmake/TemperConfig.cmake.in ${CMAKE_BINARY_DIR}/generated/TemperConfig.cmake
  INSTALL_DESTINATION ${package_folder})
write_basic_package_version_file(${CMAKE_BINARY_DIR}/generated/TemperConfigVersion.cmake COMPATIBILITY SameMajorVersion)
install(FILES ${CMAKE_BINARY_DIR}/generated/TemperConfig.cmake ${CMAKE_BINARY_DIR}/generated/TemperConfigVersion.cmake
  DESTINATION ${package_folder})
# Their prefix is where they lie, so that an installed tree may be moved.
file(RELATIVE_PATH up ${CMAKE_INSTALL_FULL_LIBDIR}/pkgconfig ${CMAKE_INSTALL_PREFIX})
foreach(file temper temper-hostcuda)
  configure_file(cmake/${file}.pc.in ${CMAKE_BINARY_DIR}/generated/${file}.pc @ONLY)
  install(FILES ${CMAKE_BINARY_DIR}/generated/${file}.pc DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig)
endforeach()
