@echo off
rem himo demo | web | test | fidelity | fuzz | bench | stress | reliability | format | pack | reference | anything the command line or the samples know
setlocal
set DOTNET_CLI_TELEMETRY_OPTOUT=1
set DOTNET_NOLOGO=1
rem Threads that wait leave the cores to others.
if not defined OMP_WAIT_POLICY set OMP_WAIT_POLICY=PASSIVE
where dotnet >nul 2>nul || (echo himo: the .NET 10 SDK is needed: https://dotnet.microsoft.com/download>&2 & exit /b 1)

rem %args:*demo=% is what follows the word demo.
set args=%*
for %%v in (demo web test fidelity fuzz bench stress reliability format pack reference help) do if "%~1"=="%%v" goto %%v
for %%v in (-h --help) do if "%~1"=="%%v" goto help
if "%~1"=="" goto help
for %%v in (quickstart sample scenes reproduce) do if "%~1"=="%%v" goto samples
dotnet run -c Release --project "%~dp0src\HiMo.MLNet.Cli" -- %*
exit /b

:samples
dotnet run -c Release --project "%~dp0src\HiMo.MLNet.Samples" -- %*
exit /b

:demo
dotnet run -c Release --project "%~dp0src\HiMo.MLNet.Samples" -- quickstart %args:*demo=%
exit /b

:web
dotnet run -c Release --project "%~dp0src\HiMo.MLNet.Samples.Web" -- %args:*web=%
exit /b

:test
cd /d "%~dp0"
dotnet test HiMo.MLNet.sln -c Release %args:*test=%
exit /b

:fidelity
cd /d "%~dp0"
set HIMO_FIDELITY=%TEMP%\himo-fidelity-%RANDOM%%RANDOM%.txt
dotnet test tests\HiMo.MLNet.Tests -c Release --filter Category=Fidelity %args:*fidelity=%
set status=%errorlevel%
if exist "%HIMO_FIDELITY%" type "%HIMO_FIDELITY%" & del "%HIMO_FIDELITY%"
exit /b %status%

:fuzz
cd /d "%~dp0"
set HIMO_FUZZ_CASES=%~2
if "%~2"=="" set HIMO_FUZZ_CASES=20000
dotnet test tests\HiMo.MLNet.Tests -c Release --filter FullyQualifiedName~FuzzTests --logger "console;verbosity=detailed" %3 %4 %5 %6 %7 %8 %9
exit /b

:bench
dotnet run -c Release --project "%~dp0tests\HiMo.MLNet.Benchmarks" -- %args:*bench=%
exit /b

:stress
dotnet run -c Release --project "%~dp0tests\HiMo.MLNet.Benchmarks" -- stress %args:*stress=%
exit /b

:reliability
set works="fuzz 20000" "bench kills 200" "bench web 30" "bench soak" "stress 30"
if "%~2"=="--quick" set works="fuzz 500" "bench kills 12" "bench web 1" "bench soak 2000 500 100 20" "stress 2"
set status=0
for %%w in (%works%) do (
  echo == himo %%~w
  call "%~f0" %%~w || set status=1
)
exit /b %status%

:format
cd /d "%~dp0"
dotnet format HiMo.MLNet.sln %args:*format=%
exit /b

:pack
cd /d "%~dp0"
for %%p in (HiMo.MLNet HiMo.MLNet.Evaluation HiMo.MLNet.Extensions.AI HiMo.MLNet.Cli) do (
  dotnet pack "src\%%p" -c Release -o artifacts\packages %args:*pack=% || exit /b 1
)
exit /b

:reference
cd /d "%~dp0"
dotnet build src\HiMo.MLNet.Cli -c Release -v q || exit /b 1
dotnet build src\HiMo.MLNet.Extensions.AI -c Release -v q || exit /b 1
dotnet tool restore || exit /b 1
dotnet docfx docs\reference\docfx.json %args:*reference=% || exit /b 1
echo artifacts\reference\index.html
exit /b

:help
echo usage: himo demo      train on the sample images, measure, save, load in another process, report
echo        himo web       a page that searches images by sentences and classifies images, with the demo's model or --model FILE
echo        himo test      build and run all tests
echo        himo fidelity  compare every stage with the original's numbers, and print the largest differences
echo        himo fuzz      damage untrusted input of every kind, 20,000 times each or 'fuzz N' times, and read it
echo        himo bench     measure time and peak memory of loading and of a training step
echo        himo bench speed ^| original ^| search ^| ranks ^| zip ^| files   the towers, an image search, ranking, model zips, image files: see docs\performance.md
echo        himo bench precision   how near exported graphs are to the model: see docs\export.md
echo        himo bench shards ^| job ^| engines   tar shards, a job that embeds them, searches in databases: see docs\scale.md
echo        himo bench soak ^| web ^| kills   long runs, the web sample at its limit, kills at random moments: see docs\reliability.md
echo        himo bench rank-kills ^| scaling   trainings by several processes: kills of one of them, and how they scale: see docs\scale.md
echo        himo stress    repeat all kinds of work under constant garbage collections for some MINUTES (default 10), and compare results bit for bit
echo        himo reliability   all of docs\reliability.md anew, some hours; --quick for six minutes
echo        himo format    apply the code style (--verify-no-changes to check)
echo        himo pack      make the NuGet packages and the tool, in artifacts\packages
echo        himo reference make the pages of the API, in artifacts\reference (--serve shows them)
echo        himo download  fetch a published checkpoint and check its hash
echo        himo inspect   tell what a checkpoint or model holds, embed an image or a text
echo        himo embed     write the embeddings of images or of texts to a file
echo        himo classify  tell which of some labels images show
echo        himo search    find the images that match a description
echo        himo index     embed images once, to be searched many times
echo        himo train     train or fine-tune on images with captions
echo        himo eval      measure models as the papers do, and write a report
echo        himo export    write a model for ONNX Runtime, for transformers and transformers.js, as safetensors, or for ML.NET
echo        himo completion   a script that completes commands and options of the installed tool at the Tab key
echo        himo sample    run a sample: classification, search, matching, tags, scenes, databases
echo        himo scenes    make scenes of several objects with long captions, a data set to train and measure on
echo        himo reproduce test the paper's claims on such scenes (--quick: minutes instead of hours)
echo 'himo train --help' tells how, and so for the others from download on.
exit /b 0
