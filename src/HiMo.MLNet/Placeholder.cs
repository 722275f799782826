namespace HiMo.MLNet;
