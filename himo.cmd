@echo off
setlocal
cd /d "%~dp0"
set DOTNET_NOLOGO=1
where dotnet >nul 2>nul || (echo himo: the .NET 10 SDK is needed: https://dotnet.microsoft.com/download & exit /b 1)
if "%1"=="demo" (dotnet run -c Release --project src\HiMo.MLNet.Samples -- quickstart & exit /b)
if "%1"=="test" (dotnet test HiMo.MLNet.sln -c Release & exit /b)
if "%1"=="bench" (dotnet run -c Release --project tests\HiMo.MLNet.Benchmarks -- %2 %3 & exit /b)
if "%1"=="format" (dotnet format HiMo.MLNet.sln & exit /b)
if "%1"=="" (echo usage: himo demo ^| test ^| bench ^| format & exit /b)
dotnet run -c Release --project src\HiMo.MLNet.Samples -- %*
