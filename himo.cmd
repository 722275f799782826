@echo off
setlocal
set DOTNET_CLI_TELEMETRY_OPTOUT=1
set DOTNET_NOLOGO=1
where dotnet >nul 2>nul || (echo himo: the .NET 10 SDK is needed: https://dotnet.microsoft.com/download & exit /b 1)
if "%1"=="demo" (dotnet run -c Release --project "%~dp0src\HiMo.MLNet.Samples" -- quickstart %2 %3 %4 %5 & exit /b)
if "%1"=="test" (cd /d "%~dp0" & dotnet test HiMo.MLNet.sln -c Release & exit /b)
if "%1"=="fuzz" (cd /d "%~dp0" & (if "%2"=="" (set HIMO_FUZZ_CASES=20000) else (set HIMO_FUZZ_CASES=%2)) & dotnet test tests\HiMo.MLNet.Tests -c Release --filter FullyQualifiedName~FuzzTests --logger "console;verbosity=detailed" & exit /b)
if "%1"=="bench" (dotnet run -c Release --project "%~dp0tests\HiMo.MLNet.Benchmarks" -- %2 %3 %4 %5 %6 & exit /b)
if "%1"=="stress" (dotnet run -c Release --project "%~dp0tests\HiMo.MLNet.Benchmarks" -- stress %2 %3 %4 & exit /b)
if "%1"=="format" (cd /d "%~dp0" & dotnet format HiMo.MLNet.sln & exit /b)
if "%1"=="" (echo usage: himo demo ^| test ^| fuzz ^| bench ^| stress ^| format ^| inspect ^| embed ^| classify ^| search ^| train ^| eval ^| export ^| sample; 'himo train --help' tells how & exit /b)
for %%s in (quickstart compare-objectives sample) do if "%1"=="%%s" (dotnet run -c Release --project "%~dp0src\HiMo.MLNet.Samples" -- %* & exit /b)
dotnet run -c Release --project "%~dp0src\HiMo.MLNet.Cli" -- %*
